import {
  AudioDevices,
  browserCamera,
  CALLS_MAX,
  CallTones,
  type Credentials,
  KeptCalls,
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
  const kept = new KeptCalls(localStorage, Date.now, navigator.locks);
  const softphone = new Softphone({
    kept,
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
  // The server keeps the call's place for a page that is loaded again.
  addEventListener("pagehide", () => softphone.leave());
  return { softphone, audio };
}
