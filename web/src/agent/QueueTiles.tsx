import { Paper, Text } from "@mantine/core";
import { type ReactNode, useEffect, useState } from "react";
import type { Queue } from "../api/desk.ts";
import { clock } from "../portal/words.ts";
import { Answered } from "./Answered.tsx";
import { percent, queueName } from "./agent-words.ts";
import classes from "./Desk.module.css";
import { useOwnAgent, useQueues } from "./desk-queries.ts";

/** How the queues stand; those that the agent serves come first. */
export function QueueTiles() {
  const query = useQueues();
  const own = new Set(useOwnAgent()?.queues.map(({ queue }) => queue));
  return (
    <Answered query={query} nothing="There are no queues. An administrator sets them up.">
      {(queues) => (
        <ul className={classes.tiles}>
          {queues
            .toSorted((a, b) => Number(own.has(b.id)) - Number(own.has(a.id)))
            .map((queue) => (
              <li key={queue.id}>
                <QueueTile queue={queue} own={own.has(queue.id)} />
              </li>
            ))}
        </ul>
      )}
    </Answered>
  );
}

export function QueueTile({
  queue,
  own = false,
  children,
}: {
  queue: Queue;
  own?: boolean;
  children?: ReactNode;
}) {
  const { waiting, agents, today } = queue.live;
  const longest = useLongestWait(queue);
  const alarm = waiting > 0 && agents.ready === 0;
  return (
    <Paper
      withBorder
      radius="lg"
      p="md"
      bg="var(--offhook-surface)"
      className={classes.tile}
      data-alarm={alarm}
      data-testid="queue"
      data-queue={queue.id}
    >
      <Text fw={650}>
        {queueName(queue)}
        {own && (
          <Text component="span" size="xs" c="dimmed">
            {" "}
            · yours
          </Text>
        )}
      </Text>
      <dl className={classes.figures}>
        <Figure name="Waiting" value={String(waiting)} strong={waiting > 0} />
        <Figure name="Longest wait" value={waiting > 0 ? clock(longest) : "–"} />
        <Figure
          name="Service level"
          value={percent(today.service_level)}
          title="Answered in time, of all who were offered today"
        />
      </dl>
      <Text size="xs" c="dimmed">
        {agents.ready} ready · {agents.on_call} on a call · {agents.acw} in wrap-up ·{" "}
        {agents.not_ready} not ready
      </Text>
      <Text size="xs" c="dimmed">
        Today {today.offered} offered, {today.answered} answered, {today.abandoned} abandoned
        {today.average_wait_s !== null && `, ${clock(today.average_wait_s)} average wait`}
      </Text>
      {children}
    </Paper>
  );
}

function Figure({
  name,
  value,
  title,
  strong = false,
}: {
  name: string;
  value: string;
  title?: string;
  strong?: boolean;
}) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd data-strong={strong}>{value}</dd>
    </div>
  );
}

/** Seconds, counting on from what the server told last. */
function useLongestWait({ live }: Queue): number {
  const [told, setTold] = useState({ live, at: Date.now() });
  if (told.live !== live) setTold({ live, at: Date.now() });
  const [now, setNow] = useState(Date.now);
  const counts = live.waiting > 0;
  useEffect(() => {
    if (!counts) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [counts]);
  return (live.longest_wait_s ?? 0) + Math.max(0, Math.floor((now - told.at) / 1000));
}
