import { createContext, useContext, useSyncExternalStore } from "react";
import type { AudioDevices } from "./audio-devices.ts";
import type { Softphone } from "./softphone.ts";
import type { Store } from "./store.ts";

export interface Telephone {
  softphone: Softphone;
  audio: AudioDevices;
}

const TelephoneContext = createContext<Telephone | null>(null);
export const TelephoneProvider = TelephoneContext.Provider;

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get);
}

/** The telephone of this page with its current state. */
export function useSoftphone() {
  const telephone = useContext(TelephoneContext);
  if (!telephone) throw new Error("useSoftphone needs a TelephoneProvider above it");
  const { softphone, audio } = telephone;
  const connection = useStore(softphone.connection.state);
  const { calls, call, last } = useStore(softphone.state);
  return { softphone, audio, connection, calls, call, last };
}
