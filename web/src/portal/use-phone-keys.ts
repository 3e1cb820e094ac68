import { useEffect } from "react";
import { isDtmfKey, type Softphone } from "../softphone/index.ts";
import { letterKeys } from "./letter-keys.ts";

/**
 * Keys that work anywhere on the page: during a call digits are sent, M mutes, H holds and V starts or stops the
 * camera unless that is turned off; without a call digits go to `onType`. Fields, dialogs and shortcuts with modifiers keep theirs.
 */
export function usePhoneKeys(softphone: Softphone, onType: (digit: string) => void): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTaken(event)) return;
      const { call } = softphone.state.get();
      const key = event.key.toLowerCase();
      if (!call) {
        if (isDtmfKey(key)) handled(event, () => onType(key));
      } else if (isDtmfKey(key)) handled(event, () => softphone.sendDigit(key));
      else if (!letterKeys.get()) return;
      else if (key === "m") handled(event, () => softphone.toggleMute());
      else if (key === "h") handled(event, () => void softphone.toggleHold());
      else if (key === "v") handled(event, () => void softphone.toggleCamera());
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [softphone, onType]);
}

function handled(event: KeyboardEvent, act: () => void): void {
  event.preventDefault();
  act();
}

/** Whether the key belongs to what has the focus. */
export function isTaken(event: KeyboardEvent): boolean {
  return event.target instanceof Element && isTypedInto(event.target);
}

/** Whether keys mean something of their own there. */
export function isTypedInto(element: Element | null): boolean {
  const places = "input, textarea, select, [contenteditable], [role=dialog], [role=menu]";
  return element?.closest(places) != null;
}
