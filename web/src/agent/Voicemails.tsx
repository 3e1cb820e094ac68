import { Badge, Button, Group, Text } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useState } from "react";
import { deleteVoicemail, markVoicemail, type Voicemail, voicemailAudio } from "../api/desk.ts";
import { clock } from "../portal/words.ts";
import { useSoftphone } from "../softphone/index.ts";
import { Answered } from "./Answered.tsx";
import classes from "./Desk.module.css";
import { KEYS, useDeed, useVoicemails } from "./desk-queries.ts";
import { whyNot } from "./why-not.ts";

/** What callers left on the answering machine. */
export function Voicemails() {
  const query = useVoicemails();
  return (
    <Answered query={query} nothing="There are no messages.">
      {(voicemails) => (
        <ul className={classes.rows}>
          {voicemails.map((voicemail) => (
            <Row key={voicemail.id} voicemail={voicemail} />
          ))}
        </ul>
      )}
    </Answered>
  );
}

function Row({ voicemail }: { voicemail: Voicemail }) {
  const { softphone, call } = useSoftphone();
  const [opened, setOpened] = useState(false);
  const mark = useDeed((heard: boolean) => markVoicemail(voicemail.id, heard), KEYS.voicemails);
  const { number, name, heard, received_at, duration_s, mailbox } = voicemail;
  const who = name ?? number ?? "Unknown caller";
  const play = () => {
    setOpened(true);
    if (!heard) mark.mutate(true);
  };
  return (
    <li className={classes.row} data-testid="voicemail" data-heard={heard}>
      <span className={classes.grow}>
        <Text component="span" fw={heard ? 400 : 650}>
          {who}
        </Text>{" "}
        {name && number && <span className={classes.faint}>{number}</span>}{" "}
        {!heard && <Badge size="sm">New</Badge>}
        <Text size="xs" c="dimmed">
          {mailbox} ·{" "}
          <time dateTime={received_at}>
            {new Date(received_at).toLocaleString(undefined, {
              dateStyle: "short",
              timeStyle: "short",
            })}
          </time>{" "}
          · {clock(Math.round(duration_s))}
        </Text>
      </span>
      <Group gap="xs">
        <Button
          size="compact-sm"
          variant="default"
          aria-label={`Play the message of ${who}`}
          leftSection={<IconPlayerPlay size={16} aria-hidden />}
          onClick={play}
        >
          Play
        </Button>
        {number && (
          <Button
            size="compact-sm"
            variant="default"
            disabled={call !== null}
            aria-label={`Call ${who} back`}
            onClick={() => void softphone.call(number)}
          >
            Call
          </Button>
        )}
        <Deletion voicemail={voicemail} who={who} />
      </Group>
      {opened && (
        <audio
          controls
          autoPlay
          className={classes.whole}
          src={voicemailAudio(voicemail.id)}
          aria-label={`Message of ${who}`}
        >
          <track kind="captions" />
        </audio>
      )}
      {mark.error && (
        <Text size="sm" c="red" role="alert" className={classes.whole}>
          {whyNot(mark.error)}
        </Text>
      )}
    </li>
  );
}

/** Asks once more, since what is deleted does not come back. */
function Deletion({ voicemail, who }: { voicemail: Voicemail; who: string }) {
  const [asked, setAsked] = useState(false);
  const remove = useDeed(() => deleteVoicemail(voicemail.id), KEYS.voicemails);
  return (
    <>
      <Button
        size="compact-sm"
        variant={asked ? "filled" : "default"}
        color={asked ? "red" : undefined}
        loading={remove.isPending}
        aria-label={`${asked ? "Really delete" : "Delete"} the message of ${who}`}
        onBlur={() => setAsked(false)}
        onClick={() => (asked ? remove.mutate(undefined) : setAsked(true))}
      >
        {asked ? "Really delete" : "Delete"}
      </Button>
      {remove.error && (
        <Text size="sm" c="red" role="alert">
          {whyNot(remove.error)}
        </Text>
      )}
    </>
  );
}
