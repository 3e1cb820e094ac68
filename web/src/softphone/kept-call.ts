import { isRecord } from "../api/problem.ts";

/** How a SIP dialog is named, seen from this side (RFC 3261 section 12). */
export interface DialogId {
  callId: string;
  localTag: string;
  remoteTag: string;
}

/** What a page has to know of its call to go on with it after it was loaded anew. */
export interface KeptCall {
  dialog: DialogId;
  /** Whose call it is: the user name by which this browser is known to the server. */
  account: string;
  direction: "outgoing" | "incoming";
  number: string;
  name: string | null;
  /** Milliseconds since the epoch. */
  answeredAt: number;
}

/** How long the server keeps the place of a page that is gone. */
export const KEPT_MS = 30_000;
/** How often a page says that it is there, for a tab that ends without saying so. */
export const TOUCH_INTERVAL_MS = 2_000;
const KEY = "offhook.call";
/** How long a page waits for the one before it to be gone. */
const GONE_WAIT_MS = 1_000;

/**
 * The call of this browser, where it outlives its page. A lock that ends with the page tells a page that was
 * loaded again, or opened in the place of one that crashed, from one that stands beside the call's own.
 */
export class KeptCalls {
  #call: KeptCall | null = null;
  #interval: ReturnType<typeof setInterval> | undefined;
  #release: (() => void) | null = null;

  constructor(
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">,
    private readonly now: () => number,
    private readonly locks?: Pick<LockManager, "request">,
  ) {}

  keep(call: KeptCall): void {
    this.#call = call;
    clearInterval(this.#interval);
    this.#interval = setInterval(() => this.touch(), TOUCH_INTERVAL_MS);
    this.touch();
    this.#lock();
  }

  /** Whether a call is kept by this page. */
  has(): boolean {
    return this.#call !== null;
  }

  /** Says that the page is there, or was until this moment. */
  touch(): void {
    if (!this.#call) return;
    this.storage.setItem(KEY, JSON.stringify({ ...this.#call, seenAt: this.now() }));
  }

  forget(): void {
    if (this.#call) this.storage.removeItem(KEY);
    this.#call = null;
    clearInterval(this.#interval);
    this.#release?.();
    this.#release = null;
  }

  /** The call of a page that is gone, unless its place is lost by now. It is taken over: no other finds it. */
  async take(): Promise<KeptCall | null> {
    if (!this.#fresh() || !(await this.#isPageGone())) return null;
    const kept = this.#fresh();
    this.storage.removeItem(KEY);
    return kept;
  }

  #fresh(): KeptCall | null {
    const kept = parse(this.storage.getItem(KEY));
    return kept !== null && this.now() - kept.seenAt < KEPT_MS ? kept : null;
  }

  #lock(): void {
    if (!this.locks || this.#release) return;
    const held = new Promise<void>((resolve) => {
      this.#release = resolve;
    });
    this.locks.request(KEY, () => held).catch(() => undefined);
  }

  async #isPageGone(): Promise<boolean> {
    if (!this.locks) return true;
    const signal = AbortSignal.timeout(GONE_WAIT_MS);
    return this.locks.request(KEY, { signal }, () => true).catch(() => false);
  }
}

function parse(text: string | null): (KeptCall & { seenAt: number }) | null {
  try {
    const kept: unknown = JSON.parse(text ?? "null");
    const isWhole = isRecord(kept) && typeof kept.seenAt === "number" && isRecord(kept.dialog);
    return isWhole ? (kept as unknown as KeptCall & { seenAt: number }) : null;
  } catch {
    return null;
  }
}
