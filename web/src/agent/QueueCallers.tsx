import { ActionIcon, Text } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconX } from "@tabler/icons-react";
import { cancelCallback, moveCaller, type Queue, type QueueCaller } from "../api/desk.ts";
import { guestName } from "../portal/words.ts";
import { queueName } from "./agent-words.ts";
import classes from "./Desk.module.css";
import { KEYS, useDeed } from "./desk-queries.ts";
import { useSince } from "./use-since.ts";
import { whyNot } from "./why-not.ts";

/** Callers of a queue that are shown; the others are counted. */
const CALLERS_MAX = 10;

interface Order {
  call: string;
  /** Null for a callback that is to be cancelled. */
  position: number | null;
}

/** Who waits in a queue, in order, to be moved by a supervisor. */
export function QueueCallers({ queue }: { queue: Queue }) {
  const { mutate, isPending, error } = useDeed(
    ({ call, position }: Order) =>
      position === null ? cancelCallback(queue.id, call) : moveCaller(queue.id, call, position),
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
          That was not done. {whyNot(error)}
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
  onMove: (position: number | null) => void;
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
      {caller.is_callback ? (
        <ActionIcon
          variant="default"
          aria-label={`Cancel the callback to ${name}`}
          disabled={busy}
          onClick={() => onMove(null)}
        >
          <IconX size={16} aria-hidden />
        </ActionIcon>
      ) : (
        <Moves
          name={name}
          first={caller.position <= 1}
          last={last}
          busy={busy}
          onMove={(by) => onMove(caller.position + by)}
        />
      )}
    </li>
  );
}

function Moves({
  name,
  first,
  last,
  busy,
  onMove,
}: {
  name: string;
  first: boolean;
  last: boolean;
  busy: boolean;
  onMove: (by: number) => void;
}) {
  return (
    <>
      <ActionIcon
        variant="default"
        aria-label={`Move ${name} forward`}
        disabled={busy || first}
        onClick={() => onMove(-1)}
      >
        <IconArrowUp size={16} aria-hidden />
      </ActionIcon>
      <ActionIcon
        variant="default"
        aria-label={`Move ${name} back`}
        disabled={busy || last}
        onClick={() => onMove(1)}
      >
        <IconArrowDown size={16} aria-hidden />
      </ActionIcon>
    </>
  );
}
