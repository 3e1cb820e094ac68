import { Button, Group, Paper, Progress, Stack, Text, Title } from "@mantine/core";
import { useRef } from "react";
import { type Agent, extendWrapUp, finishWrapUp, type Outcome } from "../api/desk.ts";
import { clock } from "../portal/words.ts";
import { useDesk } from "./desk-context.ts";
import { KEYS, useDeed } from "./desk-queries.ts";
import { OutcomeForm } from "./OutcomeForm.tsx";
import { outcomes } from "./outcomes.ts";
import { useCountdown } from "./use-countdown.ts";
import { useSince } from "./use-since.ts";
import { whyNot } from "./why-not.ts";

const EXTENSION_S = 30;
/** From here the clock is shown as a warning. */
const SOON_S = 10;

/** The work after a call: what came of it, how long is left, and the end of it. */
export function WrapUpCard({ agent, call }: { agent: Agent; call: string | null }) {
  const left = useCountdown(agent.wrap_up_ends_at);
  const since = useSince(agent.since);
  const takesNotes = useDesk().offers("/api/calls/{id}/notes");
  // The page may have been opened after the call.
  const draft = call ?? `wrap-up since ${agent.since}`;
  const finish = useDeed((outcome: Outcome | null) => finishWrapUp(agent.id, outcome), KEYS.agents);
  const extend = useDeed((seconds: number) => extendWrapUp(agent.id, seconds), KEYS.agents);
  const error = finish.error ?? extend.error;
  return (
    <Paper
      component="section"
      aria-labelledby="wrap-up"
      withBorder
      radius="lg"
      p="md"
      bg="var(--offhook-surface)"
      data-testid="wrap-up"
    >
      <Stack gap="sm">
        <Group justify="space-between">
          <Title order={2} size="h4" id="wrap-up">
            Wrap-up
          </Title>
          <Text role="timer" fw={650} c={left !== null && left <= SOON_S ? "red" : undefined}>
            {left === null ? since : `${clock(left)} left`}
          </Text>
        </Group>
        {left !== null && <Left agent={agent} left={left} />}
        {takesNotes && <OutcomeForm key={draft} call={call} draft={draft} />}
        {error && (
          <Text size="sm" c="red" role="alert">
            {whyNot(error)}
          </Text>
        )}
        <Group justify="flex-end" gap="xs">
          {left !== null && (
            <Button
              variant="default"
              loading={extend.isPending}
              onClick={() => extend.mutate(EXTENSION_S)}
            >
              {EXTENSION_S} s more
            </Button>
          )}
          <Button
            loading={finish.isPending}
            onClick={() => finish.mutate(takesNotes ? outcomes.of(draft) : null)}
          >
            Finish
          </Button>
        </Group>
      </Stack>
    </Paper>
  );
}

/** How much of the longest time that was seen is left. */
function Left({ agent, left }: { agent: Agent; left: number }) {
  const longest = useRef({ since: agent.since, seconds: left });
  if (longest.current.since !== agent.since)
    longest.current = { since: agent.since, seconds: left };
  longest.current.seconds = Math.max(longest.current.seconds, left);
  const share = longest.current.seconds === 0 ? 0 : (100 * left) / longest.current.seconds;
  return (
    <Progress value={share} aria-label="Time left" color={left <= SOON_S ? "red" : undefined} />
  );
}
