import { ActionIcon, Button, Stack, TextInput, Tooltip } from "@mantine/core";
import { IconBackspace, IconPhone, IconVideo } from "@tabler/icons-react";
import type { FormEvent, RefObject } from "react";
import { typedNumber, useSoftphone } from "../softphone/index.ts";
import { ConnectionNotice } from "./ConnectionNotice.tsx";
import { Keypad } from "./Keypad.tsx";
import { LastCall } from "./LastCall.tsx";
import classes from "./Phone.module.css";
import type { NameOf, PhoneParts } from "./Phone.tsx";
import { CALL_COLOUR } from "./theme.ts";

export function DialPanel({
  number,
  setNumber,
  field,
  nameOf,
  AfterCall,
}: {
  number: string;
  setNumber: (number: string) => void;
  field: RefObject<HTMLInputElement | null>;
  nameOf: NameOf;
  AfterCall: PhoneParts["AfterCall"] | undefined;
}) {
  const { softphone, last } = useSoftphone();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (number.trim() !== "") void softphone.call(number);
  };
  return (
    <Stack gap="md">
      <ConnectionNotice />
      <LastCall nameOf={nameOf} />
      {AfterCall && last && <AfterCall key={last.id} last={last} />}
      <form onSubmit={submit}>
        <Stack gap="md">
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
            styles={{ input: { fontSize: fitting(number) } }}
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
          <Keypad label="Dial pad" plus onKey={(key) => setNumber(number + key)} />
          <div className={classes.begin}>
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
            <Tooltip label="Call with camera">
              <ActionIcon
                variant="default"
                className={classes.camera}
                aria-label="Call with camera"
                disabled={number.trim() === ""}
                onClick={() => void softphone.call(number, true)}
              >
                <IconVideo size={22} aria-hidden />
              </ActionIcon>
            </Tooltip>
          </div>
        </Stack>
      </form>
    </Stack>
  );
}

/** A size of letters at which a number of usual length is seen whole. */
function fitting(number: string): string {
  return `clamp(0.95rem, ${(25 / Math.max(1, number.length)).toFixed(2)}rem, 1.6rem)`;
}
