import { useEffect } from "react";
import { letterKeys } from "../portal/letter-keys.ts";
import { isTaken } from "../portal/use-phone-keys.ts";
import type { Softphone } from "../softphone/index.ts";

/** Keys of the desk, for the help that shows them. Those of one letter can be turned off. */
export const DESK_KEYS: readonly [key: string, does: string][] = [
  ["0–9 * #", "Types a number, or sends the digit during a call"],
  ["Enter", "Calls the number that was typed"],
  ["A", "Answers the call that rings"],
  ["R", "Rejects the call that rings"],
  ["M", "Mutes and unmutes"],
  ["H", "Holds and resumes"],
  ["S", "Switches to the call that waits longest on hold"],
  ["V", "Starts and stops the camera"],
  ["E", "Ends the call"],
  ["?", "Shows this help"],
];

/** The letters that act on calls anywhere on the page, unless they are turned off, and `?`. */
export function useDeskKeys(softphone: Softphone, onHelp: () => void): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTaken(event)) return;
      const act = event.key === "?" ? onHelp : letterKeys.get() && deed(softphone, event.key);
      if (!act) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [softphone, onHelp]);
}

function deed(softphone: Softphone, key: string): (() => void) | null {
  const { calls, call } = softphone.state.get();
  const ringing = calls.find(({ phase }) => phase === "incoming");
  const held = calls.find(({ id, hold }) => hold === "held" && id !== call?.id);
  switch (key.toLowerCase()) {
    case "a":
      return ringing ? () => void softphone.accept(false, ringing.id) : null;
    case "r":
      return ringing ? () => softphone.hangUp(ringing.id) : null;
    case "s":
      return held ? () => void softphone.switchTo(held.id) : null;
    case "e":
      return call && call.phase !== "incoming" ? () => softphone.hangUp() : null;
    default:
      return null;
  }
}
