import { Alert, Button, Group, Text } from "@mantine/core";
import { IconPhoneX } from "@tabler/icons-react";
import { type Agent, setStatus } from "../api/desk.ts";
import { KEYS, useDeed } from "./desk-queries.ts";
import { whyNot } from "./why-not.ts";

/** The reason that the server gives an agent who did not answer too often in a row. */
const REASON = "missed calls";

/** Tells an agent that the server has made it away for calls that rang unanswered. */
export function MissedCalls({ agent }: { agent: Agent }) {
  const { mutate, isPending, error } = useDeed(
    () => setStatus(agent.id, "online", null),
    KEYS.agents,
  );
  if (agent.status !== "away" || agent.reason !== REASON) return null;
  return (
    <Alert
      color="orange"
      radius="lg"
      w="100%"
      styles={{ title: { color: "var(--mantine-color-text)" } }}
      icon={<IconPhoneX aria-hidden />}
      title="You are away: calls rang here and were not answered"
      data-testid="missed-calls"
    >
      <Group justify="space-between" gap="sm">
        <Text size="sm">No queue offers you a call until you are back.</Text>
        <Button size="compact-sm" loading={isPending} onClick={() => mutate(undefined)}>
          I am back
        </Button>
      </Group>
      {error && (
        <Text size="sm" c="red">
          Your status was not changed. {whyNot(error)}
        </Text>
      )}
    </Alert>
  );
}
