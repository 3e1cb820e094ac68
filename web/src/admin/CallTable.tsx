import { Paper, Table, Text } from "@mantine/core";
import type { ReactNode } from "react";
import type { CallRecord } from "../api/client.ts";
import { VerdictRow } from "./VerdictRow.tsx";

const COLUMNS = 10;

/** The recent calls: who, when, how long, how it ended and how it sounded. */
export function CallTable({ calls }: { calls: CallRecord[] }) {
  if (calls.length === 0) {
    return <Text c="dimmed">There are no calls yet. They appear here when they have ended.</Text>;
  }
  return (
    <Paper withBorder radius="lg" bg="var(--offhook-surface)">
      <Table.ScrollContainer minWidth={980}>
        <Table verticalSpacing="xs" horizontalSpacing="md" stickyHeader={false}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">When</Table.Th>
              <Table.Th scope="col">From</Table.Th>
              <Table.Th scope="col">To</Table.Th>
              <Numeric head="Ring" />
              <Numeric head="Talk" />
              <Table.Th scope="col">Ended</Table.Th>
              <Table.Th scope="col">Codecs</Table.Th>
              <Numeric head="Loss" />
              <Numeric head="Jitter" />
              <Numeric head="MOS" />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {calls.map((call) => (
              <Row key={call.id} call={call} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Paper>
  );
}

function Numeric({ head }: { head: string }) {
  return (
    <Table.Th scope="col" ta="right">
      {head}
    </Table.Th>
  );
}

function Row({ call }: { call: CallRecord }) {
  return (
    <>
      <Figures call={call} />
      {call.verdict && <VerdictRow verdict={call.verdict} columns={COLUMNS} />}
    </>
  );
}

function Figures({ call }: { call: CallRecord }) {
  const started = new Date(call.started_at);
  return (
    <Table.Tr>
      <Table.Td style={{ whiteSpace: "nowrap" }}>
        <time dateTime={call.started_at}>
          {started.toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" })}
        </time>
      </Table.Td>
      <Table.Td>
        {call.caller}
        {call.caller_name && <Aside>{call.caller_name}</Aside>}
      </Table.Td>
      <Table.Td>
        {call.dialled}
        {call.answered_by && call.answered_by !== call.dialled && (
          <Aside>answered by {call.answered_by}</Aside>
        )}
      </Table.Td>
      <Table.Td ta="right">{figure(call.ring_seconds, 1, " s")}</Table.Td>
      <Table.Td ta="right">{figure(call.talk_seconds, 1, " s")}</Table.Td>
      <Table.Td>
        {words(call.hangup_cause_name)} ({call.hangup_cause})<Aside>by {call.hung_up_by}</Aside>
      </Table.Td>
      <Table.Td>{codecs(call)}</Table.Td>
      <Table.Td ta="right">{figure(call.loss_percent, 1, " %")}</Table.Td>
      <Table.Td ta="right">{figure(call.jitter_ms, 1, " ms")}</Table.Td>
      <Table.Td ta="right">{figure(call.mos, 2, "")}</Table.Td>
    </Table.Tr>
  );
}

function Aside({ children }: { children: ReactNode }) {
  return (
    <Text component="span" display="block" size="xs" c="dimmed">
      {children}
    </Text>
  );
}

/** NORMAL_CLEARING as "normal clearing". */
function words(name: string): string {
  return name.replaceAll("_", " ").toLowerCase();
}

function codecs({ caller_codec, callee_codec }: CallRecord): string {
  const both = [...new Set([caller_codec, callee_codec].filter((codec) => codec !== null))];
  return both.join(" / ") || "–";
}

/** A dash stands for what was not measured. */
function figure(value: number | null, digits: number, unit: string): string {
  return value === null ? "–" : `${value.toFixed(digits)}${unit}`;
}
