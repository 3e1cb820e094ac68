import { Button, Group, Stack, TextInput } from "@mantine/core";
import { IconPhoneCall } from "@tabler/icons-react";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { type Call, type CallbackRefusal, typedNumber, useSoftphone } from "../softphone/index.ts";

const WHY_NOT: Record<CallbackRefusal, string> = {
  not_callable: "We cannot call that number. Check it, or stay on the line.",
  waits_already: "We will call that number back already.",
  not_offered: "Nobody is called back here any more. Please stay on the line.",
  not_waiting: "You are not in line any more.",
  failed: "That did not reach us. Try again.",
};

/** Lets somebody who waits hang up and keep the place. */
export function CallbackOffer({ call }: { call: Call }) {
  const [opened, setOpened] = useState(false);
  if (call.progress?.state !== "queued" || !call.progress.offersCallback) return null;
  return opened ? (
    <NumberForm onClose={() => setOpened(false)} />
  ) : (
    <Button
      variant="light"
      fullWidth
      leftSection={<IconPhoneCall size={18} aria-hidden />}
      onClick={() => setOpened(true)}
    >
      Call me back instead
    </Button>
  );
}

function NumberForm({ onClose }: { onClose: () => void }) {
  const { softphone } = useSoftphone();
  const field = useRef<HTMLInputElement>(null);
  const [number, setNumber] = useState("");
  const [asking, setAsking] = useState(false);
  const [refusal, setRefusal] = useState<CallbackRefusal | null>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setAsking(true);
    setRefusal(await softphone.requestCallback(number));
    setAsking(false);
    field.current?.focus();
  };
  return (
    <form onSubmit={(event) => void submit(event)} aria-label="Call me back">
      <Stack gap="xs">
        <TextInput
          ref={field}
          label="Your number"
          description="You keep your place in line, and we call you when it is your turn."
          type="tel"
          inputMode="tel"
          autoComplete="tel"
          required
          value={number}
          error={refusal && WHY_NOT[refusal]}
          onChange={(event) => {
            setNumber(typedNumber(event.currentTarget.value));
            setRefusal(null);
          }}
        />
        <Group gap="xs" grow>
          <Button variant="default" onClick={onClose}>
            Keep waiting
          </Button>
          <Button type="submit" loading={asking} disabled={number.trim() === ""}>
            Call me back
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
