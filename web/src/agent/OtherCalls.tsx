import { Button, Group, Paper, Stack, Text } from "@mantine/core";
import { IconPhone, IconPhoneOff, IconSwitchHorizontal } from "@tabler/icons-react";
import { CALL_COLOUR, END_COLOUR } from "../portal/theme.ts";
import { useSeconds } from "../portal/use-seconds.ts";
import { callWords, clock } from "../portal/words.ts";
import { type Call, useSoftphone } from "../softphone/index.ts";
import { waitedWords } from "./agent-words.ts";
import classes from "./Desk.module.css";

type NameOf = (number: string) => string | null;

/** The calls beside the current one: those that ring, and those that wait on hold. */
export function OtherCalls({ nameOf }: { nameOf: NameOf }) {
  const { calls, call } = useSoftphone();
  const others = calls.filter(({ id }) => id !== call?.id);
  if (others.length === 0) return null;
  return (
    <section aria-label="Other calls" className={classes.others}>
      <Stack gap="xs">
        {others.map((other) => (
          <OtherCall key={other.id} call={other} nameOf={nameOf} />
        ))}
      </Stack>
    </section>
  );
}

function OtherCall({ call, nameOf }: { call: Call; nameOf: NameOf }) {
  const name = call.name ?? nameOf(call.number) ?? call.number;
  const rings = call.phase === "incoming";
  return (
    <Paper
      withBorder
      radius="lg"
      p="sm"
      bg="var(--offhook-surface)"
      className={rings ? classes.ringing : undefined}
      data-testid="other-call"
      data-phase={call.phase}
      data-number={call.number}
    >
      <div role={rings ? "alert" : undefined}>
        <Text fw={650}>{name}</Text>
        <State call={call} named={name !== call.number} />
      </div>
      <Group gap="xs" mt="xs" grow>
        {rings ? <Answer call={call} name={name} /> : <Held call={call} name={name} />}
      </Group>
    </Paper>
  );
}

function State({ call, named }: { call: Call; named: boolean }) {
  const seconds = useSeconds(call.answeredAt);
  const { queue, phase, answeredAt } = call;
  const parts = [
    named ? call.number : null,
    phase === "incoming" && queue
      ? `${queue.callback ? "callback for" : "for"} ${queue.name}, ${waitedWords(queue)}`
      : callWords(call),
  ];
  return (
    <Text size="sm" c="dimmed">
      {parts.filter((part) => part !== null).join(" · ")}
      {answeredAt !== null && <span className={classes.clock}>{clock(seconds)}</span>}
    </Text>
  );
}

function Answer({ call, name }: { call: Call; name: string }) {
  const { softphone } = useSoftphone();
  return (
    <>
      <Button
        color={END_COLOUR}
        aria-label={`Reject ${name}`}
        leftSection={<IconPhoneOff size={18} aria-hidden />}
        onClick={() => softphone.hangUp(call.id)}
      >
        Reject
      </Button>
      <Button
        color={CALL_COLOUR}
        aria-label={`Accept ${name}, the other call is held`}
        leftSection={<IconPhone size={18} aria-hidden />}
        onClick={() => void softphone.accept(false, call.id)}
      >
        Accept
      </Button>
    </>
  );
}

function Held({ call, name }: { call: Call; name: string }) {
  const { softphone } = useSoftphone();
  return (
    <>
      <Button
        variant="default"
        aria-label={`Switch to ${name}`}
        leftSection={<IconSwitchHorizontal size={18} aria-hidden />}
        disabled={call.hold !== "held"}
        onClick={() => void softphone.switchTo(call.id)}
      >
        Switch
      </Button>
      <Button
        variant="default"
        aria-label={`End ${name}`}
        leftSection={<IconPhoneOff size={18} aria-hidden />}
        onClick={() => softphone.hangUp(call.id)}
      >
        End
      </Button>
    </>
  );
}
