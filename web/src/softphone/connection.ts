import { Problem } from "../api/problem.ts";
import { BACKOFF_MAX_MS, BACKOFF_ON_CALL_MAX_MS, backoffMs } from "./backoff.ts";
import type { Credentials } from "./credentials.ts";
import { type Failure, failure, failureFromApi } from "./failure.ts";
import type { IncomingLineCall, Line, LineFactory, RegistrationState } from "./line.ts";
import { Store } from "./store.ts";

/** Credentials that run out sooner than this are renewed before they are used. */
export const CREDENTIALS_MARGIN_MS = 60_000;

/** How long an attempt to connect may take. */
const CONNECT_TIMEOUT_MS = 8_000;
/**
 * The same while there is a call: an attempt that began in a network that was lost finds out late that the
 * network is back, and a new one at once.
 */
export const CONNECT_TIMEOUT_ON_CALL_MS = 2_500;

export interface ConnectionState {
  /** `waiting` is the time between two attempts. */
  phase: "stopped" | "connecting" | "connected" | "waiting";
  registration: RegistrationState;
  /** Attempts since the last success; 1 during the first. */
  attempt: number;
  /** Why the last attempt or the registration failed. */
  failure: Failure | null;
  identity: Pick<Credentials, "username" | "domain" | "displayName"> | null;
  allowed: string[] | null;
}

export interface ConnectionOptions {
  credentials: () => Promise<Credentials>;
  /** Whether this browser is to be reachable under its name. */
  register: boolean;
  createLine: LineFactory;
  now: () => number;
  random: () => number;
  /** Whether a call is in progress: its line is kept even when the credentials run out. */
  busy(): boolean;
  onIncoming(call: IncomingLineCall): void;
  /** The socket is gone; calls that are not established cannot complete. */
  onLost(): void;
  /** The socket is back; established calls can tell the other side about it. */
  onRestored(): void;
}

/** Keeps the signalling socket open and, for an extension, the registration alive. */
export class Connection {
  readonly state = new Store<ConnectionState>({
    phase: "stopped",
    registration: "unregistered",
    attempt: 0,
    failure: null,
    identity: null,
    allowed: null,
  });
  #credentials: Credentials | null = null;
  #line: Line | null = null;
  #attempting: Promise<Line> | null = null;
  /** Told apart from an attempt that a `stop` has overtaken. */
  #generation = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #registerRetry: ReturnType<typeof setTimeout> | undefined;
  #registerAttempt = 0;

  constructor(private readonly options: ConnectionOptions) {}

  start(): void {
    if (this.state.get().phase !== "stopped") return;
    globalThis.addEventListener?.("online", this.#onOnline);
    globalThis.document?.addEventListener("visibilitychange", this.#onVisible);
    void this.#attempt().catch(() => undefined);
  }

  stop(): void {
    globalThis.removeEventListener?.("online", this.#onOnline);
    globalThis.document?.removeEventListener("visibilitychange", this.#onVisible);
    clearTimeout(this.#retry);
    clearTimeout(this.#registerRetry);
    this.#generation += 1;
    this.#attempting = null;
    this.#dropLine();
    this.#credentials = null;
    this.state.patch({
      phase: "stopped",
      registration: "unregistered",
      identity: null,
      attempt: 0,
      failure: null,
    });
  }

  /** Does not wait for the next attempt. */
  retryNow(): void {
    if (this.state.get().phase === "waiting") void this.#attempt().catch(() => undefined);
  }

  /** Finds out now whether the socket is alive. */
  probe(): void {
    this.#line?.probe();
  }

  /** A connected line with credentials that are good for a call; rejects with a `Failure`. */
  ready(): Promise<Line> {
    const { phase } = this.state.get();
    if (phase === "stopped") return Promise.reject(failure("disconnected"));
    if (phase === "connected" && this.#line && this.#fresh()) return Promise.resolve(this.#line);
    return this.#attempt();
  }

  /** Forgets credentials that the server refused. */
  forgetCredentials(): void {
    this.#credentials = null;
  }

  #attempt(): Promise<Line> {
    if (this.#attempting) return this.#attempting;
    const attempting = this.#connect().finally(() => {
      if (this.#attempting === attempting) this.#attempting = null;
    });
    this.#attempting = attempting;
    return attempting;
  }

  async #connect(): Promise<Line> {
    clearTimeout(this.#retry);
    const generation = this.#generation;
    const overtaken = () => generation !== this.#generation;
    const attempt = this.state.get().attempt + 1;
    this.state.patch({ phase: "connecting", attempt });
    try {
      await this.#renewCredentials(overtaken);
      const line = this.#line ?? this.#createLine();
      const timeoutMs = this.options.busy() ? CONNECT_TIMEOUT_ON_CALL_MS : CONNECT_TIMEOUT_MS;
      await line.connect(timeoutMs).catch(() => Promise.reject(failure("disconnected")));
      if (overtaken()) throw failure("disconnected");
      return this.#connected(line, attempt > 1);
    } catch (error) {
      const reason = isFailure(error) ? error : failureFromApi(error);
      if (overtaken()) throw reason;
      this.#scheduleRetry(
        attempt,
        reason,
        error instanceof Problem ? error.retryAfterSeconds : null,
      );
      throw reason;
    }
  }

  #connected(line: Line, restored: boolean): Line {
    this.state.patch({ phase: "connected", attempt: 0, failure: null });
    if (this.options.register) line.register();
    if (restored) this.options.onRestored();
    return line;
  }

  async #renewCredentials(overtaken: () => boolean): Promise<void> {
    if (this.#fresh() || (this.#line && this.options.busy())) return;
    const credentials = await this.options.credentials();
    if (overtaken()) throw failure("disconnected");
    this.#dropLine();
    this.#credentials = credentials;
    const { username, domain, displayName, allowed } = credentials;
    this.state.patch({ identity: { username, domain, displayName }, allowed });
  }

  #fresh(): boolean {
    const expiresAt = this.#credentials?.expiresAt;
    if (!this.#credentials) return false;
    return !expiresAt || expiresAt.getTime() - this.options.now() > CREDENTIALS_MARGIN_MS;
  }

  #createLine(): Line {
    if (!this.#credentials) throw failure("disconnected");
    const line = this.options.createLine(this.#credentials, {
      onDisconnected: () => {
        if (line === this.#line) this.#onDisconnected();
      },
      onRegistration: (state, reason) => {
        if (line === this.#line) this.#onRegistration(line, state, reason);
      },
      onIncoming: (call) => this.options.onIncoming(call),
    });
    this.#line = line;
    return line;
  }

  #dropLine(): void {
    const line = this.#line;
    this.#line = null;
    line?.close();
  }

  #onDisconnected(): void {
    clearTimeout(this.#registerRetry);
    this.state.patch({ registration: "unregistered", attempt: 1 });
    this.#scheduleRetry(1, failure("disconnected"), null);
    this.options.onLost();
  }

  #scheduleRetry(attempt: number, reason: Failure, retryAfterSeconds: number | null): void {
    if (this.state.get().phase === "stopped") return;
    this.state.patch({ phase: "waiting", failure: reason });
    const maxMs = this.options.busy() ? BACKOFF_ON_CALL_MAX_MS : BACKOFF_MAX_MS;
    const backoff = backoffMs(attempt, this.options.random, maxMs);
    const wait = Math.max(backoff, (retryAfterSeconds ?? 0) * 1000);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.retryNow(), wait);
  }

  #onRegistration(line: Line, registration: RegistrationState, reason: Failure | null): void {
    this.state.patch({ registration, failure: reason });
    clearTimeout(this.#registerRetry);
    if (registration === "registered") this.#registerAttempt = 0;
    const final = reason?.kind === "unauthorised" || reason?.kind === "not-allowed";
    const lost = registration === "unregistered" || registration === "refused";
    if (!lost || final || this.state.get().phase !== "connected") return;
    this.#registerAttempt += 1;
    const wait = backoffMs(this.#registerAttempt, this.options.random);
    this.#registerRetry = setTimeout(() => {
      if (line === this.#line && this.state.get().phase === "connected") line.register();
    }, wait);
  }

  #onOnline = (): void => this.retryNow();

  /** Browsers slow the timers of hidden pages down to one a minute. */
  #onVisible = (): void => {
    if (document.visibilityState === "visible") this.retryNow();
  };
}

export function isFailure(value: unknown): value is Failure {
  return typeof value === "object" && value !== null && "kind" in value && "advice" in value;
}
