import { createContext, useContext } from "react";
import type { Me } from "../api/client.ts";
import type { LiveState } from "../api/live-events.ts";

/** Who works here, and what this server can do for them. */
export interface DeskContext {
  me: Me;
  supervisor: boolean;
  live: LiveState;
  /** Whether the server has this path of the API. */
  offers(path: string): boolean;
}

const Context = createContext<DeskContext | null>(null);
export const DeskProvider = Context.Provider;

export function useDesk(): DeskContext {
  const desk = useContext(Context);
  if (!desk) throw new Error("useDesk needs a DeskProvider above it");
  return desk;
}

/** Whether that role sees what everybody does. */
export function supervises({ role }: Me): boolean {
  return role === "supervisor" || role === "admin";
}
