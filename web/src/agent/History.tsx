import { Button, Group, Text } from "@mantine/core";
import { IconArrowDownLeft, IconArrowUpRight, IconPlayerPlay } from "@tabler/icons-react";
import { useState } from "react";
import type { CallRecord } from "../api/client.ts";
import { callAudio } from "../api/desk.ts";
import { clock, guestName } from "../portal/words.ts";
import { readNumber, useSoftphone } from "../softphone/index.ts";
import { Answered } from "./Answered.tsx";
import classes from "./Desk.module.css";
import { useDesk } from "./desk-context.ts";
import { useHistory, useNameOf, useOwnAgent } from "./desk-queries.ts";

/** The calls that ended last: the agent's own, or those of the house for a supervisor who is no agent. */
export function History() {
  const agent = useOwnAgent();
  const { supervisor } = useDesk();
  const query = useHistory(agent === null && supervisor ? "all" : "me");
  return (
    <Answered
      query={query}
      nothing="There are no calls yet. They appear here when they have ended."
    >
      {(calls) => (
        <ul className={classes.rows}>
          {calls.map((call) => (
            <Row key={call.id} call={call} />
          ))}
        </ul>
      )}
    </Answered>
  );
}

function Row({ call }: { call: CallRecord }) {
  const { me } = useDesk();
  const { softphone, call: current } = useSoftphone();
  const [opened, setOpened] = useState(false);
  const outgoing = call.caller === me.extension;
  const number = outgoing ? call.dialled : call.caller;
  const nameOf = useNameOf();
  const name = (outgoing ? null : call.caller_name) ?? nameOf(number);
  const Direction = outgoing ? IconArrowUpRight : IconArrowDownLeft;
  return (
    <li className={classes.row} data-testid="ended-call">
      <Direction size={18} aria-hidden className={classes.faint} />
      <span className={classes.grow}>
        <Text component="span" fw={600}>
          {name ?? number}
        </Text>{" "}
        {name && !guestName(number) && <span className={classes.faint}>{number}</span>}
        <Text size="xs" c="dimmed">
          {outgoing ? "To" : "From"} · <When moment={call.started_at} /> ·{" "}
          {howItWent(call, outgoing)}
          {call.stars !== null && <Stars stars={call.stars} />}
        </Text>
      </span>
      <Group gap="xs">
        {call.recordings.length > 0 && (
          <Button
            size="compact-sm"
            variant="default"
            aria-expanded={opened}
            leftSection={<IconPlayerPlay size={16} aria-hidden />}
            onClick={() => setOpened(!opened)}
          >
            Recording
          </Button>
        )}
        {readNumber(number) !== null && (
          <Button
            size="compact-sm"
            variant="default"
            disabled={current !== null}
            aria-label={`Call ${number} again`}
            onClick={() => void softphone.call(number)}
          >
            Call
          </Button>
        )}
      </Group>
      {opened && <Player call={call} />}
    </li>
  );
}

function Stars({ stars }: { stars: number }) {
  const words = `Rated ${stars} of 5`;
  return (
    <span title={words} data-testid="stars">
      {" · "}
      <span role="img" aria-label={words}>
        {"★".repeat(stars)}
        {"☆".repeat(5 - stars)}
      </span>
    </span>
  );
}

function When({ moment }: { moment: string }) {
  const at = new Date(moment);
  const today = at.toDateString() === new Date().toDateString();
  return (
    <time dateTime={moment}>
      {today
        ? at.toLocaleTimeString(undefined, { timeStyle: "short" })
        : at.toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" })}
    </time>
  );
}

/** "Talked 1:15", or why nobody did. */
export function howItWent(
  { answered_by, talk_seconds, hangup_cause_name }: CallRecord,
  outgoing: boolean,
): string {
  if (answered_by !== null) return `talked ${clock(Math.round(talk_seconds))}`;
  if (!outgoing) return "missed";
  return `not answered: ${hangup_cause_name.replaceAll("_", " ").toLowerCase()}`;
}

function Player({ call }: { call: CallRecord }) {
  const [broken, setBroken] = useState(false);
  if (broken) {
    return (
      <Text size="sm" c="red" role="alert" className={classes.whole}>
        The recording cannot be played: it was deleted, or you may not hear it.
      </Text>
    );
  }
  return (
    <audio
      controls
      autoPlay
      className={classes.whole}
      src={callAudio(call.id)}
      aria-label={`Recording of the call with ${call.caller}`}
      onError={() => setBroken(true)}
    >
      <track kind="captions" />
    </audio>
  );
}
