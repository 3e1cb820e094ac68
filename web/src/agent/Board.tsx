import { Button, Menu, Text, Title } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { type ActiveCall, type Agent, finishWrapUp, setStatus } from "../api/desk.ts";
import { clock, guestName } from "../portal/words.ts";
import { Answered } from "./Answered.tsx";
import { nextWords } from "./agent-words.ts";
import classes from "./Desk.module.css";
import { useDesk } from "./desk-context.ts";
import { KEYS, useActiveCalls, useAgents, useDeed, useQueues } from "./desk-queries.ts";
import { QueueCallers } from "./QueueCallers.tsx";
import { QueueTile } from "./QueueTiles.tsx";
import { Pill, StateBadge } from "./StateBadge.tsx";
import { Choices } from "./StatusControl.tsx";
import { modeWords, SuperviseMenu } from "./SuperviseMenu.tsx";
import { useSince } from "./use-since.ts";
import { whyNot } from "./why-not.ts";

/** What a supervisor watches: queues with who waits, agents, and calls in progress. */
export function Board() {
  const { offers } = useDesk();
  return (
    <>
      {offers("/api/queues") && <BoardQueues />}
      {offers("/api/agents") && <BoardAgents />}
      <BoardCalls />
    </>
  );
}

function BoardQueues() {
  const query = useQueues();
  return (
    <section aria-labelledby="board-queues">
      <Title order={2} size="h4" id="board-queues" className={classes.head}>
        Queues
      </Title>
      <Answered query={query} nothing="There are no queues. An administrator sets them up.">
        {(queues) => (
          <ul className={classes.tiles}>
            {queues.map((queue) => (
              <li key={queue.id}>
                <QueueTile queue={queue}>
                  <QueueCallers queue={queue} />
                </QueueTile>
              </li>
            ))}
          </ul>
        )}
      </Answered>
    </section>
  );
}

function BoardAgents() {
  const query = useAgents();
  return (
    <section aria-labelledby="board-agents">
      <Title order={2} size="h4" id="board-agents" className={classes.head}>
        Agents
      </Title>
      <Answered query={query} nothing="There are no agents. An administrator sets them up.">
        {(agents) => (
          <ul className={classes.rows}>
            {agents.map((agent) => (
              <AgentRow key={agent.id} agent={agent} />
            ))}
          </ul>
        )}
      </Answered>
    </section>
  );
}

function AgentRow({ agent }: { agent: Agent }) {
  const next = nextWords(agent);
  const finish = useDeed(() => finishWrapUp(agent.id, null), KEYS.agents);
  return (
    <li className={classes.row} data-testid="board-agent" data-agent={agent.id}>
      <span className={classes.grow}>
        <Text component="span" fw={600}>
          {agent.display_name}
        </Text>{" "}
        <span className={classes.faint}>{agent.extension}</span>
        <Text size="xs" c="dimmed">
          {today(agent)}
        </Text>
      </span>
      <StateBadge agent={agent} more={`${next ? ` ${next}` : ""}${callWith(agent)}`} />
      {agent.state === "acw" && (
        <Button
          size="compact-sm"
          variant="default"
          loading={finish.isPending}
          aria-label={`Finish wrap-up of ${agent.display_name}`}
          onClick={() => finish.mutate(undefined)}
        >
          Finish wrap-up
        </Button>
      )}
      <StatusMenu agent={agent} />
      {finish.error && (
        <Text size="xs" c="red" role="alert" className={classes.whole}>
          {whyNot(finish.error)}
        </Text>
      )}
    </li>
  );
}

function StatusMenu({ agent }: { agent: Agent }) {
  const change = useDeed(
    ({ status, reason }: Pick<Agent, "status" | "reason">) => setStatus(agent.id, status, reason),
    KEYS.agents,
  );
  return (
    <>
      <Menu position="bottom-end" width={230} withinPortal>
        <Menu.Target>
          <Button
            size="compact-sm"
            variant="default"
            loading={change.isPending}
            aria-label={`State of ${agent.display_name}; change`}
            rightSection={<IconChevronDown size={16} aria-hidden />}
          >
            State
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Choices agent={agent} onChoose={change.mutate} />
        </Menu.Dropdown>
      </Menu>
      {change.error && (
        <Text size="xs" c="red" role="alert" className={classes.whole}>
          {whyNot(change.error)}
        </Text>
      )}
    </>
  );
}

function callWith({ call }: Agent): string {
  return call?.number ? ` with ${guestName(call.number) ?? call.number}` : "";
}

/** "12 answered, 1 missed, 43:10 talked". */
function today({ today: { answered, missed, refused, talk_s } }: Agent): string {
  const parts = [`${answered} answered`];
  if (missed > 0) parts.push(`${missed} missed`);
  if (refused > 0) parts.push(`${refused} refused`);
  parts.push(`${clock(Math.round(talk_s))} talked`);
  return parts.join(", ");
}

function BoardCalls() {
  const query = useActiveCalls();
  return (
    <section aria-labelledby="board-calls">
      <Title order={2} size="h4" id="board-calls" className={classes.head}>
        Calls
      </Title>
      <Answered query={query} nothing="Nobody is on a call.">
        {(calls) => (
          <ul className={classes.rows}>
            {calls.map((call) => (
              <CallRow key={call.id} call={call} />
            ))}
          </ul>
        )}
      </Answered>
    </section>
  );
}

function CallRow({ call }: { call: ActiveCall }) {
  const since = useSince(call.answered_at ?? call.started_at);
  const callee = call.answered_by ?? call.dialled;
  return (
    <li className={classes.row} data-testid="board-call" data-call={call.id}>
      <span className={classes.grow}>
        <Text component="span" fw={600}>
          {guestName(call.caller) ?? call.caller} → {guestName(callee) ?? callee}
        </Text>
        <Text size="xs" c="dimmed">
          {[
            `dialled ${call.dialled}`,
            call.recording === "running" ? "recorded" : null,
            ...call.supervisors.map(supervisorWords),
          ]
            .filter((part) => part !== null)
            .join(" · ")}
        </Text>
      </span>
      <Pill colour={call.state === "answered" ? "blue" : "yellow"} clock={since}>
        {call.state === "answered" ? "Talking" : "Ringing"}
      </Pill>
      {call.state === "answered" && <SuperviseMenu call={call} />}
    </li>
  );
}

function supervisorWords({ extension, mode, ringing }: ActiveCall["supervisors"][number]): string {
  return ringing ? `${extension} is rung` : `${extension} ${modeWords(mode).toLowerCase()}`;
}
