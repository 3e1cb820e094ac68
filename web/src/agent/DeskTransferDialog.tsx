import { Button, Group, Modal, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { IconPhoneOutgoing } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import type { Agent } from "../api/desk.ts";
import type { TransferDialogProps } from "../portal/TransferDialog.tsx";
import { readNumber, typedNumber, useSoftphone } from "../softphone/index.ts";
import { matches, stateColour, stateWords } from "./agent-words.ts";
import classes from "./Desk.module.css";
import { useDesk } from "./desk-context.ts";
import { useAgents } from "./desk-queries.ts";
import { Dot } from "./StatusControl.tsx";

/** The number at which a call is parked. */
export const PARK_NUMBER = "5900";
/** Colleagues that are offered at a time; typing narrows them down. */
const COLLEAGUES_MAX = 6;

/** Where a call goes: to a number or a colleague, at once or after a word with them, or to be parked. */
export function DeskTransferDialog({ opened, onClose, onTransfer }: TransferDialogProps) {
  const { softphone, call } = useSoftphone();
  const [number, setNumber] = useState("");
  const valid = readNumber(number) !== null;
  const done = (act: () => void) => {
    act();
    setNumber("");
    onClose();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (valid) done(() => onTransfer(number));
  };
  const consults = call?.consultFor === null;
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
              <Colleagues chosen={number} onChoose={setNumber} />
              <Text size="sm" c="dimmed">
                {consults
                  ? "Transfer connects them at once, and you leave. Ask first puts them on hold while you talk."
                  : "Transfer connects them at once, and you leave."}
              </Text>
              <div className={classes.choices}>
                <Button
                  variant="default"
                  onClick={() => done(() => onTransfer(PARK_NUMBER))}
                  title={`Anybody can take it back from ${PARK_NUMBER}`}
                >
                  Park
                </Button>
                {consults && (
                  <Button
                    variant="default"
                    disabled={!valid}
                    onClick={() => done(() => void softphone.consult(number))}
                  >
                    Ask first
                  </Button>
                )}
                <Button
                  type="submit"
                  disabled={!valid}
                  leftSection={<IconPhoneOutgoing size={18} aria-hidden />}
                >
                  Transfer
                </Button>
              </div>
            </Stack>
          </form>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

function Colleagues({ chosen, onChoose }: { chosen: string; onChoose: (number: string) => void }) {
  const { me } = useDesk();
  const { data = [] } = useAgents();
  const [typed, setTyped] = useState("");
  const others = data.filter(({ username }) => username !== me.username);
  if (others.length === 0) return null;
  const found = others.filter((agent) => matches(agent, typed)).toSorted(byState);
  return (
    <Stack gap="xs">
      <TextInput
        label="Find a colleague"
        autoComplete="off"
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      {found.length === 0 && (
        <Text size="sm" c="dimmed" role="status">
          No colleague is called that.
        </Text>
      )}
      <ul className={classes.colleagues} aria-label="Colleagues">
        {found.slice(0, COLLEAGUES_MAX).map((agent) => (
          <li key={agent.id}>
            <UnstyledButton
              className={classes.colleague}
              aria-pressed={chosen === agent.extension}
              onClick={() => onChoose(agent.extension)}
            >
              <Dot colour={stateColour(agent)} />
              <span className={classes.grow}>
                {agent.display_name} <span className={classes.faint}>{agent.extension}</span>
              </span>
              <span className={classes.faint}>{stateWords(agent)}</span>
            </UnstyledButton>
          </li>
        ))}
      </ul>
    </Stack>
  );
}

/** Those who can take a call come first. */
function byState(a: Agent, b: Agent): number {
  const place = ({ state }: Agent) => (state === "ready" ? 0 : state === "offline" ? 2 : 1);
  return place(a) - place(b) || a.display_name.localeCompare(b.display_name);
}
