import { Store } from "./store.ts";

export type RingSound = "classic" | "soft" | "bright" | "silent";
export const RING_SOUNDS: readonly RingSound[] = ["classic", "soft", "bright", "silent"];

export interface RingSettings {
  sound: RingSound;
  /** From 0 to 1. */
  volume: number;
}

const KEY = "offhook.ring";
const USUAL: RingSettings = { sound: "classic", volume: 0.7 };

/** How this browser rings. */
export const ring = new Store<RingSettings>(remembered());

export function setRing(part: Partial<RingSettings>): void {
  ring.patch(part);
  try {
    localStorage.setItem(KEY, JSON.stringify(ring.get()));
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

function remembered(): RingSettings {
  try {
    return readRing(JSON.parse(localStorage.getItem(KEY) ?? "null"));
  } catch {
    return USUAL;
  }
}

/** What was stored, with the usual for whatever cannot be read. */
export function readRing(stored: unknown): RingSettings {
  const { sound, volume } = (stored ?? {}) as Partial<RingSettings>;
  const heard = typeof volume === "number" && volume >= 0 && volume <= 1;
  return {
    sound: RING_SOUNDS.find((one) => one === sound) ?? USUAL.sound,
    volume: heard ? volume : USUAL.volume,
  };
}
