import { Store } from "../softphone/store.ts";
import { isRecord } from "./problem.ts";

/** An event in the envelope of CloudEvents 1.0, as far as the portals read it. */
export interface LiveEvent {
  type: string;
  subject: string | null;
  data: unknown;
}

/** `live` while events come by themselves, `polling` while they have to be asked for. */
export type LiveState = "connecting" | "live" | "polling";

/** What is used of the browser's EventSource. */
export interface EventStream extends EventTarget {
  readonly readyState: number;
  close(): void;
}

export const EVENT_TYPES = [
  "agent.state_changed",
  "agent.status_changed",
  "queue.changed",
  "queue.joined",
  "queue.answered",
  "queue.abandoned",
  "call.ringing",
  "call.answered",
  "call.ended",
  "recording.ready",
] as const;

/** After this long a stream that the server has refused is tried again. */
export const RETRY_MS = 30_000;
/** EventSource.CLOSED: the browser will not try by itself. */
const CLOSED = 2;

/** The server's events, for as long as it is started. */
export class LiveEvents {
  readonly state = new Store<LiveState>("connecting");
  #stream: EventStream | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly open: () => EventStream,
    private readonly onEvent: (event: LiveEvent) => void,
    /** Events may have been missed: what is shown has to be asked for anew. */
    private readonly onRestored: () => void,
  ) {}

  start(): void {
    const stream = this.open();
    this.#stream = stream;
    stream.addEventListener("open", () => this.#onOpen());
    stream.addEventListener("error", () => this.#onError(stream));
    // A stream may name its events or not.
    for (const type of ["message", ...EVENT_TYPES]) {
      stream.addEventListener(type, (message) => this.#take(message as MessageEvent));
    }
  }

  stop(): void {
    clearTimeout(this.#retry);
    this.#stream?.close();
    this.#stream = null;
  }

  #onOpen(): void {
    this.state.set("live");
    // Also at first: what changed between the page's first question and this moment was told to nobody.
    this.onRestored();
  }

  #onError(stream: EventStream): void {
    if (stream !== this.#stream) return;
    this.state.set("polling");
    if (stream.readyState !== CLOSED) return;
    this.stop();
    this.#retry = setTimeout(() => this.start(), RETRY_MS);
  }

  #take(message: MessageEvent): void {
    const event = readEvent(message.data);
    if (event) this.onEvent(event);
  }
}

/** What a message tells; null when it is no event. */
export function readEvent(text: unknown): LiveEvent | null {
  try {
    const event: unknown = JSON.parse(String(text));
    if (!isRecord(event) || typeof event.type !== "string") return null;
    const subject = typeof event.subject === "string" ? event.subject : null;
    return { type: event.type, subject, data: event.data };
  } catch {
    return null;
  }
}
