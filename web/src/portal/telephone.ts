import {
  AudioDevices,
  browserCamera,
  CALLS_MAX,
  CallTones,
  type Credentials,
  Softphone,
  sipLine,
} from "../softphone/index.ts";
import type { Telephone } from "../softphone/use-softphone.ts";

/** Builds the telephone of a page from its browser parts; one that is registered has several calls at a time. */
export function createTelephone(
  credentials: () => Promise<Credentials>,
  register: boolean,
): Telephone {
  const audio = new AudioDevices();
  const softphone = new Softphone({
    credentials,
    register,
    callsMax: register ? CALLS_MAX : 1,
    createLine: sipLine,
    audio,
    camera: browserCamera,
    tones: new CallTones(),
    now: Date.now,
    random: Math.random,
  });
  // The other side is not to wait for a page that is closed in mid-call.
  addEventListener("pagehide", () => softphone.hangUpAll());
  return { softphone, audio };
}
