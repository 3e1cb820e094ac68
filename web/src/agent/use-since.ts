import { serverClock } from "../api/server-clock.ts";
import { useSeconds } from "../portal/use-seconds.ts";
import { clock } from "../portal/words.ts";

/** Seconds since a moment of the server, counting while it is shown; 0 without one. */
export function useSecondsSince(moment: string | null): number {
  return useSeconds(moment === null ? null : serverClock.local(moment));
}

/** The same as a clock: "1:15". */
export function useSince(moment: string | null): string {
  return clock(useSecondsSince(moment));
}
