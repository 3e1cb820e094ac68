import {
  AudioDevices,
  browserCamera,
  CallTones,
  type Credentials,
  Softphone,
  sipLine,
} from "../softphone/index.ts";
import type { Telephone } from "../softphone/use-softphone.ts";

/** Builds the telephone of a page from its browser parts. */
export function createTelephone(
  credentials: () => Promise<Credentials>,
  register: boolean,
): Telephone {
  const audio = new AudioDevices();
  const softphone = new Softphone({
    credentials,
    register,
    createLine: sipLine,
    audio,
    camera: browserCamera,
    tones: new CallTones(),
    now: Date.now,
    random: Math.random,
  });
  // The other side is not to wait for a page that is closed in mid-call.
  addEventListener("pagehide", () => softphone.hangUp());
  return { softphone, audio };
}
