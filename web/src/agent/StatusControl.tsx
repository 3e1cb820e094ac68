import { Button, Menu, Text, VisuallyHidden } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { type Agent, type AgentStatus, setStatus } from "../api/desk.ts";
import { nextWords, stateColour, stateWords, statusWords } from "./agent-words.ts";
import classes from "./Desk.module.css";
import { KEYS, useDeed, useReasons } from "./desk-queries.ts";
import { useSince } from "./use-since.ts";
import { whyNot } from "./why-not.ts";

interface Choice {
  status: AgentStatus;
  reason: string | null;
}

/** What the agent does and since when, and what it chooses to be. */
export function StatusControl({ agent }: { agent: Agent }) {
  const since = useSince(agent.since);
  const words = stateWords(agent);
  const next = nextWords(agent);
  const { mutate, isPending, error } = useDeed(
    ({ status, reason }: Choice) => setStatus(agent.id, status, reason),
    KEYS.agents,
  );
  return (
    <div className={classes.status}>
      <Menu position="bottom-end" width={230} withinPortal>
        <Menu.Target>
          <Button
            variant="default"
            size="sm"
            h={34}
            px="sm"
            loading={isPending}
            data-testid="status"
            data-state={agent.state}
            leftSection={<Dot colour={stateColour(agent)} />}
            rightSection={<IconChevronDown size={16} aria-hidden />}
          >
            <VisuallyHidden component="span">Status: </VisuallyHidden>
            {words}
            {next && (
              <Text component="span" size="xs" c="dimmed" ml={6}>
                {next}
              </Text>
            )}{" "}
            {agent.since && (
              <span className={classes.time} role="timer">
                {since}
              </span>
            )}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Choices agent={agent} onChoose={mutate} />
        </Menu.Dropdown>
      </Menu>
      {error && (
        <Text size="xs" c="red" role="alert">
          Your status was not changed. {whyNot(error)}
        </Text>
      )}
    </div>
  );
}

/** The statuses with their reasons; of a supervisor for an agent, too. */
export function Choices({ agent, onChoose }: { agent: Agent; onChoose: (one: Choice) => void }) {
  const { data: reasons = [] } = useReasons();
  const group = (status: "busy" | "away") => {
    const named = reasons.filter((reason) => reason.status === status);
    const choices = named.map(({ name }) => ({ status, reason: name as string | null }));
    return choices.length > 0 ? choices : [{ status, reason: null }];
  };
  const item = (choice: Choice) => (
    <Menu.Item
      key={`${choice.status} ${choice.reason}`}
      leftSection={<Dot colour={STATUS_COLOURS[choice.status]} />}
      disabled={choice.status === agent.status && choice.reason === agent.reason}
      onClick={() => onChoose(choice)}
    >
      {choice.reason ?? statusWords(choice.status)}
    </Menu.Item>
  );
  return (
    <>
      {item({ status: "online", reason: null })}
      <Menu.Label>Busy</Menu.Label>
      {group("busy").map(item)}
      <Menu.Label>Away</Menu.Label>
      {group("away").map(item)}
      <Menu.Divider />
      {item({ status: "offline", reason: null })}
    </>
  );
}

const STATUS_COLOURS: Record<AgentStatus, string> = {
  online: "green",
  busy: "orange",
  away: "orange",
  offline: "gray",
};

export function Dot({ colour }: { colour: string }) {
  const background = `var(--mantine-color-${colour}-6)`;
  return <span className={classes.dot} style={{ background }} aria-hidden />;
}
