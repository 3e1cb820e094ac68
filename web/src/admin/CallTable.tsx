import { Box, Paper, Table, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import type { ReactNode } from "react";
import type { CallRecord } from "../api/client.ts";
import { CallRecordings } from "../portal/CallRecordings.tsx";
import { guestName } from "../portal/words.ts";
import classes from "./CallTable.module.css";
import { VerdictAlert } from "./VerdictAlert.tsx";

const COLUMNS = 10;
const WIDTH_MIN = 980;

/** The recent calls: who, when, how long, how it ended and how it sounded. */
export function CallTable({ calls }: { calls: CallRecord[] }) {
  const narrow = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false });
  if (calls.length === 0) {
    return <Text c="dimmed">There are no calls yet. They appear here when they have ended.</Text>;
  }
  return narrow ? <Cards calls={calls} /> : <Rows calls={calls} />;
}

function Rows({ calls }: { calls: CallRecord[] }) {
  return (
    <Paper withBorder radius="lg" bg="var(--offhook-surface)">
      <Table.ScrollContainer
        minWidth={WIDTH_MIN}
        scrollAreaProps={{
          viewportProps: { tabIndex: 0, role: "region", "aria-label": "Recent calls" },
        }}
      >
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
              <Numeric head="MOS" title="Mean opinion score, from 1 (bad) to 4.5" />
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

function Numeric({ head, title }: { head: string; title?: string }) {
  return (
    <Table.Th scope="col" ta="right" title={title}>
      {head}
    </Table.Th>
  );
}

function Row({ call }: { call: CallRecord }) {
  return (
    <>
      <Figures call={call} />
      {call.verdict && (
        <Table.Tr>
          <Table.Td colSpan={COLUMNS}>
            <VerdictAlert verdict={call.verdict} />
          </Table.Td>
        </Table.Tr>
      )}
      {call.recordings.length > 0 && (
        <Table.Tr>
          <Table.Td colSpan={COLUMNS}>
            <CallRecordings call={call} />
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

function Figures({ call }: { call: CallRecord }) {
  return (
    <Table.Tr>
      <Table.Td style={{ whiteSpace: "nowrap" }}>
        <When call={call} />
      </Table.Td>
      <Table.Td className={classes.party}>
        <Caller call={call} />
      </Table.Td>
      <Table.Td className={classes.party}>
        <Callee call={call} />
      </Table.Td>
      <Table.Td ta="right">{figure(call.ring_seconds, 1, " s")}</Table.Td>
      <Table.Td ta="right">{figure(call.talk_seconds, 1, " s")}</Table.Td>
      <Table.Td>
        {ending(call)}
        <Aside>by {call.hung_up_by}</Aside>
      </Table.Td>
      <Table.Td>{codecs(call)}</Table.Td>
      <Table.Td ta="right">{figure(call.loss_percent, 1, " %")}</Table.Td>
      <Table.Td ta="right">{figure(call.jitter_ms, 1, " ms")}</Table.Td>
      <Table.Td ta="right">{figure(call.mos, 2, "")}</Table.Td>
    </Table.Tr>
  );
}

/** Ten columns do not fit a telephone: there, each call is a card. */
function Cards({ calls }: { calls: CallRecord[] }) {
  return (
    <ul className={classes.cards}>
      {calls.map((call) => (
        <Box component="li" key={call.id} className={classes.card}>
          <Text size="sm" c="dimmed">
            <When call={call} />
          </Text>
          <div className={classes.parties}>
            <div className={classes.party}>
              <Caller call={call} />
            </div>
            <span aria-hidden>→</span>
            <span className={classes.hidden}>to</span>
            <div className={classes.party}>
              <Callee call={call} />
            </div>
          </div>
          <Text size="sm">
            {ending(call)}, by {call.hung_up_by}
          </Text>
          <Text size="sm" c="dimmed">
            {measured(call).join(" · ")}
          </Text>
          {call.verdict && <VerdictAlert verdict={call.verdict} />}
          {call.recordings.length > 0 && <CallRecordings call={call} />}
        </Box>
      ))}
    </ul>
  );
}

function When({ call }: { call: CallRecord }) {
  const started = new Date(call.started_at);
  return (
    <time dateTime={call.started_at}>
      {started.toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" })}
    </time>
  );
}

function Caller({ call: { caller, caller_name } }: { call: CallRecord }) {
  const guest = guestName(caller);
  if (guest) return <span title={caller}>{guest}</span>;
  return (
    <>
      {caller}
      {caller_name && <Aside>{caller_name}</Aside>}
    </>
  );
}

function Callee({ call: { dialled, answered_by } }: { call: CallRecord }) {
  return (
    <>
      {dialled}
      {answered_by && answered_by !== dialled && (
        <Aside>answered by {guestName(answered_by) ?? answered_by}</Aside>
      )}
    </>
  );
}

function Aside({ children }: { children: ReactNode }) {
  return (
    <Text component="span" display="block" size="xs" c="dimmed">
      {children}
    </Text>
  );
}

/** NORMAL_CLEARING as "normal clearing (16)". */
function ending({ hangup_cause_name, hangup_cause }: CallRecord): string {
  return `${hangup_cause_name.replaceAll("_", " ").toLowerCase()} (${hangup_cause})`;
}

/** What a card tells in figures; what was not measured is left out. */
export function measured(call: CallRecord): string[] {
  const { ring_seconds, talk_seconds, loss_percent, jitter_ms, mos } = call;
  const parts: [string, number | null, number, string][] = [
    ["ring", ring_seconds, 1, " s"],
    ["talk", talk_seconds, 1, " s"],
    ["loss", loss_percent, 1, " %"],
    ["jitter", jitter_ms, 1, " ms"],
    ["MOS", mos, 2, ""],
  ];
  const figures = parts
    .filter(([, value]) => value !== null)
    .map(([name, value, digits, unit]) => `${name} ${figure(value, digits, unit)}`);
  return codecs(call) === NOTHING ? figures : [...figures, codecs(call)];
}

/** Stands for what was not measured. */
const NOTHING = "–";

function codecs({ caller_codec, callee_codec }: CallRecord): string {
  const both = [...new Set([caller_codec, callee_codec].filter((codec) => codec !== null))];
  return both.join(" / ") || NOTHING;
}

function figure(value: number | null, digits: number, unit: string): string {
  return value === null ? NOTHING : `${value.toFixed(digits)}${unit}`;
}
