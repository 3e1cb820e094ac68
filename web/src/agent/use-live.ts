import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { LiveEvents, type LiveState } from "../api/live-events.ts";
import { EventApplier } from "./apply-event.ts";

/** Brings the server's events into what the page shows, if the server has any. */
export function useLive(offered: boolean): LiveState {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>("polling");
  useEffect(() => {
    if (!offered) return;
    const applier = new EventApplier(client);
    const events = new LiveEvents(
      () => new EventSource("/api/events"),
      (event) => applier.take(event),
      () => applier.askForAll(),
    );
    const end = events.state.subscribe(() => setState(events.state.get()));
    events.start();
    return () => {
      end();
      events.stop();
      applier.stop();
    };
  }, [offered, client]);
  return state;
}
