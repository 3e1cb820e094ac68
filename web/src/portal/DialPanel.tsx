import { ActionIcon, Button, Stack, Text, TextInput } from "@mantine/core";
import { IconBackspace, IconPhone } from "@tabler/icons-react";
import type { FormEvent, RefObject } from "react";
import { failure, typedNumber, useSoftphone } from "../softphone/index.ts";
import { FailureNotice } from "./FailureNotice.tsx";
import { Keypad } from "./Keypad.tsx";
import classes from "./Phone.module.css";
import type { NameOf } from "./Phone.tsx";
import { CALL_COLOUR } from "./theme.ts";
import { endedWords } from "./words.ts";

export function DialPanel({
  number,
  setNumber,
  field,
  nameOf,
}: {
  number: string;
  setNumber: (number: string) => void;
  field: RefObject<HTMLInputElement | null>;
  nameOf: NameOf;
}) {
  const { softphone } = useSoftphone();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (number.trim() !== "") void softphone.call(number);
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <ConnectionNotice />
        <LastCall nameOf={nameOf} />
        <TextInput
          ref={field}
          aria-label="Number to call"
          placeholder="Number"
          type="tel"
          inputMode="tel"
          autoComplete="off"
          enterKeyHint="go"
          variant="filled"
          classNames={{ input: classes.number }}
          value={number}
          onChange={(event) => setNumber(typedNumber(event.currentTarget.value))}
          rightSectionWidth={46}
          rightSection={
            number !== "" && (
              <ActionIcon
                variant="subtle"
                color="gray"
                size="lg"
                aria-label="Delete the last digit"
                onClick={() => setNumber(number.slice(0, -1))}
              >
                <IconBackspace size={22} aria-hidden />
              </ActionIcon>
            )
          }
        />
        <Keypad label="Dial pad" onKey={(key) => setNumber(number + key)} />
        <Button
          type="submit"
          size="lg"
          color={CALL_COLOUR}
          fullWidth
          disabled={number.trim() === ""}
          leftSection={<IconPhone size={22} aria-hidden />}
        >
          Call
        </Button>
      </Stack>
    </form>
  );
}

/** How the last call ended: quietly when all was well, with a reason when it was not. */
function LastCall({ nameOf }: { nameOf: NameOf }) {
  const { softphone, last } = useSoftphone();
  if (!last) return null;
  if (last.failure) {
    return <FailureNotice failure={last.failure} onClose={() => softphone.dismissNotice()} />;
  }
  const name = last.name ?? nameOf(last.number) ?? last.number;
  return (
    <Text ta="center" size="sm" c="dimmed" data-testid="last-call">
      {endedWords(last, name)}
    </Text>
  );
}

function ConnectionNotice() {
  const { softphone, connection } = useSoftphone();
  const refused = connection.phase === "connected" && connection.registration === "refused";
  if (connection.phase !== "waiting" && !refused) return null;
  // One lost attempt is not worth a word: it is usually over before it is read.
  if (connection.phase === "waiting" && connection.attempt < 2) return null;
  const retry = !refused && (
    <Button
      mt="xs"
      size="compact-sm"
      variant="light"
      color="red"
      onClick={() => softphone.connection.retryNow()}
    >
      Try now
    </Button>
  );
  return <FailureNotice failure={connection.failure ?? failure("disconnected")} action={retry} />;
}
