import type { QueryClient, QueryKey } from "@tanstack/react-query";
import type { Agent, Queue } from "../api/desk.ts";
import type { LiveEvent } from "../api/live-events.ts";
import { isRecord } from "../api/problem.ts";
import { KEYS } from "./desk-queries.ts";

/** Events that come together cause one question. */
export const GATHER_MS = 300;

/** Brings events into what the page shows: states as they are told, the rest by asking again. */
export class EventApplier {
  #stale = new Set<readonly string[]>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly client: QueryClient) {}

  take({ type, data }: LiveEvent): void {
    if (type === "agent.state_changed") this.#replace<Agent>(KEYS.agents, data);
    else if (type === "queue.changed") this.#replace<Queue>(KEYS.queues, data);
    else if (type.startsWith("queue.")) this.#askAgain(KEYS.queues);
    else if (type.startsWith("agent.")) this.#askAgain(KEYS.agents);
    else if (type === "recording.ready") this.#askAgain(KEYS.history);
    else if (type.startsWith("call.")) {
      this.#askAgain(KEYS.activeCalls);
      if (type === "call.ended") this.#askAgain(KEYS.history);
    }
  }

  /** Events may have been missed. */
  askForAll(): void {
    void askAnew(this.client);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #replace<T extends { id: string }>(key: readonly string[], data: unknown): void {
    const known = this.client.getQueryData<T[]>(key);
    const told = isRecord(data) && typeof data.id === "string" ? (data as unknown as T) : null;
    if (!known || !told || !known.some(({ id }) => id === told.id)) {
      this.#askAgain(key);
      return;
    }
    const merged = known.map((one) => (one.id === told.id ? { ...one, ...told } : one));
    this.client.setQueryData(key, merged);
    // An answer that is on its way may be older than the event, and would be shown in its place.
    if (this.client.isFetching({ queryKey: key }) > 0) this.#askAgain(key);
  }

  #askAgain(key: readonly string[]): void {
    this.#stale.add(key);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const queryKey of this.#stale) void askAnew(this.client, queryKey);
      this.#stale.clear();
    }, GATHER_MS);
  }
}

/** Asks, and takes no answer to an earlier question: `invalidateQueries` alone would wait for the very first. */
async function askAnew(client: QueryClient, queryKey?: QueryKey): Promise<void> {
  const filters = queryKey ? { queryKey } : {};
  await client.cancelQueries(filters);
  await client.invalidateQueries(filters);
}
