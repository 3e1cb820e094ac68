import { Store } from "../softphone/index.ts";

const KEY = "offhook.letter-keys";

/**
 * Whether M and H act during a call. People who speak to their computer turn them off, since a word
 * would press them (WCAG 2.1.4).
 */
export const letterKeys = new Store<boolean>(remembered());

export function setLetterKeys(on: boolean): void {
  letterKeys.set(on);
  try {
    localStorage.setItem(KEY, on ? "on" : "off");
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

function remembered(): boolean {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}
