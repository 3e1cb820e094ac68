import { Button, Group, Text } from "@mantine/core";
import { type EndedCall, useSoftphone } from "../softphone/index.ts";
import { FailureNotice } from "./FailureNotice.tsx";
import type { NameOf } from "./Phone.tsx";
import { callFailure, endedWords, isDown, isWorthAnotherCall } from "./words.ts";

/** How the last call ended: quietly when all was well, with a reason when it was not. */
export function LastCall({ nameOf }: { nameOf: NameOf }) {
  const { softphone, connection, last } = useSoftphone();
  if (!last) return null;
  const known = nameOf(last.number);
  const name = last.name ?? known;
  if (!last.failure) {
    return (
      <Group justify="center" gap="sm">
        <Text ta="center" size="sm" c="dimmed" data-testid="last-call">
          {endedWords(last, name ?? last.number)}
        </Text>
        {isWorthAnotherCall(last) && <CallAgain last={last} label="Call back" />}
      </Group>
    );
  }
  // The notice about the connection says the same already, and goes on saying it.
  if (last.failure.kind === "disconnected" && isDown(connection)) return null;
  const connected = connection.phase === "connected";
  return (
    <FailureNotice
      failure={callFailure(last.failure, known !== null, connected)}
      subject={name ? `${name}, ${last.number}` : last.number}
      onClose={() => softphone.dismissNotice()}
      action={isWorthAnotherCall(last) && <CallAgain last={last} label="Call again" />}
    />
  );
}

function CallAgain({ last, label }: { last: EndedCall; label: string }) {
  const { softphone } = useSoftphone();
  const notice = last.failure !== null;
  return (
    <Button
      mt={notice ? "xs" : 0}
      size="compact-sm"
      variant="default"
      onClick={() => void softphone.call(last.number)}
    >
      {label}
    </Button>
  );
}
