import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { IconPhoneOutgoing } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { readNumber, typedNumber } from "../softphone/index.ts";

export interface TransferDialogProps {
  opened: boolean;
  onClose: () => void;
  onTransfer: (number: string) => void;
}

/** Asks where the call is to go and hands it over without waiting for an answer. */
export function TransferDialog({ opened, onClose, onTransfer }: TransferDialogProps) {
  const [number, setNumber] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onTransfer(number);
    setNumber("");
    onClose();
  };
  return (
    <Modal.Root opened={opened} onClose={onClose} centered>
      <Modal.Overlay />
      <Modal.Content>
        {/* Modal.Header would be a second banner of the page. */}
        <Modal.Body pt="md">
          <Group justify="space-between" mb="xs">
            <Modal.Title>Transfer this call</Modal.Title>
            <Modal.CloseButton aria-label="Close" />
          </Group>
          <form onSubmit={submit}>
            <Stack>
              <Text size="sm" c="dimmed">
                The other side is connected to the new number, and you leave the call.
              </Text>
              <TextInput
                label="Number"
                size="md"
                type="tel"
                inputMode="tel"
                autoComplete="off"
                data-autofocus
                value={number}
                onChange={(event) => setNumber(typedNumber(event.currentTarget.value))}
              />
              <Group justify="flex-end">
                <Button variant="default" onClick={onClose}>
                  Cancel
                </Button>
                <Button
                  type="submit"
                  disabled={readNumber(number) === null}
                  leftSection={<IconPhoneOutgoing size={18} aria-hidden />}
                >
                  Transfer
                </Button>
              </Group>
            </Stack>
          </form>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
