import { Button, Menu, Text } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import {
  type ActiveCall,
  changeSupervision,
  endSupervision,
  type SupervisorMode,
  supervise,
  takeOver,
} from "../api/desk.ts";
import { useDesk } from "./desk-context.ts";
import { KEYS, useDeed } from "./desk-queries.ts";
import { whyNot } from "./why-not.ts";

const MODES: [mode: SupervisorMode, name: string, what: string][] = [
  ["listen", "Listen", "You hear both, nobody hears you"],
  ["whisper", "Whisper", "The agent alone hears you"],
  ["barge", "Barge in", "Both hear you"],
];

type Deed = SupervisorMode | "take-over" | "stop";

/** What a supervisor can do on a call: their own telephone rings, and whoever answers is on it. */
export function SuperviseMenu({ call }: { call: ActiveCall }) {
  const { me, offers } = useDesk();
  const own = call.supervisors.find(({ extension }) => extension === me.extension);
  const { mutate, isPending, error } = useDeed(
    (deed: Deed) => act(call.id, deed, own !== undefined),
    KEYS.activeCalls,
  );
  return (
    <>
      <Menu position="bottom-end" width={250} withinPortal>
        <Menu.Target>
          <Button
            size="compact-sm"
            variant={own ? "filled" : "default"}
            loading={isPending}
            aria-label={`${own ? `${modeWords(own.mode)}: supervise` : "Supervise"} the call of ${call.caller}`}
            rightSection={<IconChevronDown size={16} aria-hidden />}
          >
            {own ? modeWords(own.mode) : "Supervise"}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {MODES.map(([mode, name, what]) => (
            <Menu.Item key={mode} disabled={own?.mode === mode} onClick={() => mutate(mode)}>
              {name}
              <Text size="xs" c="dimmed">
                {what}
              </Text>
            </Menu.Item>
          ))}
          {offers("/api/calls/{id}/take-over") && (
            <Menu.Item onClick={() => mutate("take-over")}>
              Take over
              <Text size="xs" c="dimmed">
                You talk on in the agent’s place
              </Text>
            </Menu.Item>
          )}
          {own && (
            <>
              <Menu.Divider />
              <Menu.Item onClick={() => mutate("stop")}>Leave the call</Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      {error && (
        <Text size="xs" c="red" role="alert">
          {whyNot(error)}
        </Text>
      )}
    </>
  );
}

function act(call: string, deed: Deed, supervises: boolean): Promise<void> {
  if (deed === "take-over") return takeOver(call);
  if (deed === "stop") return endSupervision(call);
  return supervises ? changeSupervision(call, deed) : supervise(call, deed);
}

/** "whisper_to_customer" as "Whispering to customer". */
export function modeWords(mode: string): string {
  const [first = "", ...rest] = mode.split("_");
  const doing: Record<string, string> = {
    listen: "Listening",
    whisper: "Whispering",
    barge: "Barged in",
  };
  return [doing[first] ?? first, ...rest].join(" ");
}
