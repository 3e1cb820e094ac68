import { Badge, Button, Group, Stack, Text } from "@mantine/core";
import { mergeCalls } from "../api/desk.ts";
import { type Call, isTransferring, useSoftphone } from "../softphone/index.ts";
import { waitedWords } from "./agent-words.ts";
import { callRefOf } from "./call-refs.ts";
import { useDesk } from "./desk-context.ts";
import { KEYS, useDeed, useOwnAgent } from "./desk-queries.ts";
import { ScreenPop } from "./ScreenPop.tsx";
import { whyNot } from "./why-not.ts";

/** What an agent sees of a call beside who it is: the queue, the customer's page, and a consultation. */
export function CallDetails({ call }: { call: Call }) {
  const isOfThree = useOwnAgent()?.sub_state === "conference" && call.hold === "none";
  return (
    <Stack gap="xs" align="center">
      {call.queue && (
        <Text size="sm" ta="center" data-testid="queue-offer">
          {call.queue.callback ? "Callback for " : "For "}
          <b>{call.queue.name}</b>, {waitedWords(call.queue)}
        </Text>
      )}
      {(isOfThree || call.mergedWith !== null) && <Badge variant="light">Three in this call</Badge>}
      {call.direction === "incoming" && <ScreenPop call={call} />}
      <Consultation call={call} />
    </Stack>
  );
}

/** What can be done while one waits and another is asked. */
function Consultation({ call }: { call: Call }) {
  const { softphone, calls } = useSoftphone();
  const customer = calls.find(({ id }) => id === call.consultFor);
  const agent = useOwnAgent();
  const { offers } = useDesk();
  const merge = useDeed(async () => {
    if (!customer) return;
    const [own, other] = [call, customer].map((one) => callRefOf(one, calls, agent));
    if (own && other) {
      await softphone.merge(call.id, customer.id, () => mergeCalls(own, other));
    }
  }, KEYS.agents);
  if (!customer || call.mergedWith !== null) return null;
  const answered = call.phase === "active";
  const name = customer.name ?? customer.number;
  const known = [call, customer].every((one) => callRefOf(one, calls, agent) !== null);
  return (
    <Stack gap="xs" align="center" data-testid="consultation">
      <Text size="sm" c="dimmed" ta="center">
        {name} waits on hold
      </Text>
      <Group gap="xs" justify="center">
        <Button
          size="compact-sm"
          disabled={!answered}
          loading={isTransferring(customer)}
          onClick={() => void softphone.completeTransfer()}
        >
          Complete transfer
        </Button>
        {offers("/api/calls/{id}/merge") && (
          <Button
            size="compact-sm"
            variant="default"
            disabled={!answered || !known}
            loading={merge.isPending}
            onClick={() => merge.mutate(undefined)}
          >
            Talk all three
          </Button>
        )}
        <Button size="compact-sm" variant="default" onClick={() => void softphone.abandonConsult()}>
          Back to {name}
        </Button>
      </Group>
      {merge.error && (
        <Text size="sm" c="red" role="alert">
          The calls were not joined. {whyNot(merge.error)}
        </Text>
      )}
    </Stack>
  );
}
