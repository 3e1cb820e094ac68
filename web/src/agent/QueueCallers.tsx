import { ActionIcon, Text } from "@mantine/core";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { moveCaller, type Queue, type QueueCaller } from "../api/desk.ts";
import { guestName } from "../portal/words.ts";
import { queueName } from "./agent-words.ts";
import classes from "./Desk.module.css";
import { KEYS, useDeed } from "./desk-queries.ts";
import { useSince } from "./use-since.ts";
import { whyNot } from "./why-not.ts";

/** Callers of a queue that are shown; the others are counted. */
const CALLERS_MAX = 10;

interface Move {
  call: string;
  position: number;
}

/** Who waits in a queue, in order, to be moved by a supervisor. */
export function QueueCallers({ queue }: { queue: Queue }) {
  const { mutate, isPending, error } = useDeed(
    ({ call, position }: Move) => moveCaller(queue.id, call, position),
    KEYS.queues,
  );
  const callers = queue.live.callers.toSorted((a, b) => a.position - b.position);
  if (callers.length === 0) return null;
  return (
    <>
      <ol className={classes.callers} aria-label={`Callers of ${queueName(queue)}`}>
        {callers.slice(0, CALLERS_MAX).map((caller) => (
          <Caller
            key={caller.call}
            caller={caller}
            last={caller.position >= callers.length}
            busy={isPending}
            onMove={(position) => mutate({ call: caller.call, position })}
          />
        ))}
      </ol>
      {callers.length > CALLERS_MAX && (
        <Text size="xs" c="dimmed">
          and {callers.length - CALLERS_MAX} more
        </Text>
      )}
      {error && (
        <Text size="xs" c="red" role="alert">
          The caller was not moved. {whyNot(error)}
        </Text>
      )}
    </>
  );
}

function Caller({
  caller,
  last,
  busy,
  onMove,
}: {
  caller: QueueCaller;
  last: boolean;
  busy: boolean;
  onMove: (position: number) => void;
}) {
  const waits = useSince(caller.waiting_since);
  const number = caller.number ?? "anonymous";
  const name = caller.name ?? guestName(number) ?? number;
  return (
    <li className={classes.caller} data-testid="caller-waiting">
      <span className={classes.grow}>
        {caller.position}. {name}
        <span className={`${classes.faint} ${classes.clock}`}>
          {waits}
          {caller.offered_to.length > 0 && " · rings"}
          {caller.is_callback && " · is called back"}
        </span>
      </span>
      <ActionIcon
        variant="default"
        aria-label={`Move ${name} forward`}
        disabled={busy || caller.position <= 1}
        onClick={() => onMove(caller.position - 1)}
      >
        <IconArrowUp size={16} aria-hidden />
      </ActionIcon>
      <ActionIcon
        variant="default"
        aria-label={`Move ${name} back`}
        disabled={busy || last}
        onClick={() => onMove(caller.position + 1)}
      >
        <IconArrowDown size={16} aria-hidden />
      </ActionIcon>
    </li>
  );
}
