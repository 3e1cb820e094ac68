import { Button, Stack, Text, TextInput } from "@mantine/core";
import { IconPhone } from "@tabler/icons-react";
import { useState } from "react";
import type { Agent } from "../api/desk.ts";
import { useSoftphone } from "../softphone/index.ts";
import { Answered } from "./Answered.tsx";
import { matches } from "./agent-words.ts";
import classes from "./Desk.module.css";
import { useDesk } from "./desk-context.ts";
import { useAgents } from "./desk-queries.ts";
import { StateBadge } from "./StateBadge.tsx";

/** The agents with what each of them does, to call them. */
export function Directory() {
  const { me } = useDesk();
  const query = useAgents();
  const [typed, setTyped] = useState("");
  return (
    <Stack gap="sm">
      <TextInput
        label="Find a colleague"
        description="By name or extension"
        autoComplete="off"
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      <Answered query={query} nothing="There are no agents. An administrator sets them up.">
        {(agents) => {
          const found = agents.filter((agent) => matches(agent, typed));
          if (found.length === 0) return <Text c="dimmed">No colleague is called that.</Text>;
          return (
            <ul className={classes.rows}>
              {found.map((agent) => (
                <Colleague key={agent.id} agent={agent} own={agent.username === me.username} />
              ))}
            </ul>
          );
        }}
      </Answered>
    </Stack>
  );
}

function Colleague({ agent, own }: { agent: Agent; own: boolean }) {
  const { softphone, call } = useSoftphone();
  const talking = call?.phase === "active";
  const asks = talking && call.consultFor === null;
  return (
    <li className={classes.row} data-testid="colleague" data-agent={agent.id}>
      <span className={classes.grow}>
        <Text component="span" fw={600}>
          {agent.display_name}
          {own && " (you)"}
        </Text>{" "}
        <span className={classes.faint}>{agent.extension}</span>
      </span>
      <StateBadge agent={agent} />
      <Button
        size="compact-sm"
        variant="default"
        disabled={own || (call !== null && !asks)}
        aria-label={`${asks ? "Ask" : "Call"} ${agent.display_name}`}
        leftSection={<IconPhone size={16} aria-hidden />}
        onClick={() =>
          void (asks ? softphone.consult(agent.extension) : softphone.call(agent.extension))
        }
      >
        {asks ? "Ask" : "Call"}
      </Button>
    </li>
  );
}
