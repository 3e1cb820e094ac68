import type { Agent } from "../api/desk.ts";
import type { Call } from "../softphone/index.ts";

/**
 * The server's name for a call. A call that we dialled may not have been told it; then it is the one call
 * of the agent that no other of ours is.
 */
export function callRefOf(call: Call, calls: readonly Call[], agent: Agent | null): string | null {
  if (call.callRef) return call.callRef;
  const known = new Set(calls.map(({ callRef }) => callRef));
  const unknown = (agent?.calls ?? []).filter(({ id }) => !known.has(id));
  const nameless = calls.filter(({ callRef }) => callRef === null);
  return nameless.length === 1 && unknown.length === 1 ? (unknown[0]?.id ?? null) : null;
}
