import type { ReactNode } from "react";
import type { Agent } from "../api/desk.ts";
import { stateColour, stateWords } from "./agent-words.ts";
import classes from "./Desk.module.css";
import { Dot } from "./StatusControl.tsx";
import { useSince } from "./use-since.ts";

/** What an agent does, and since when. */
export function StateBadge({ agent, more = "" }: { agent: Agent; more?: string }) {
  const since = useSince(agent.since);
  return (
    <Pill colour={stateColour(agent)} clock={agent.since === null ? null : since}>
      {stateWords(agent)}
      {more}
    </Pill>
  );
}

/** A word with a colour, which is readable without it. */
export function Pill({
  colour,
  clock,
  children,
}: {
  colour: string;
  clock: string | null;
  children: ReactNode;
}) {
  return (
    <span className={classes.pill}>
      <Dot colour={colour} />
      <span>{children}</span>
      {clock !== null && <span className={classes.time}>{clock}</span>}
    </span>
  );
}
