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

/** The call of this tab, where it outlives the page. */
export class KeptCalls {
  #call: KeptCall | null = null;
  #interval: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">,
    private readonly now: () => number,
  ) {}

  keep(call: KeptCall): void {
    this.#call = call;
    clearInterval(this.#interval);
    this.#interval = setInterval(() => this.touch(), TOUCH_INTERVAL_MS);
    this.touch();
  }

  /** Says that the page is there, or was until this moment. */
  touch(): void {
    if (!this.#call) return;
    this.storage.setItem(KEY, JSON.stringify({ ...this.#call, seenAt: this.now() }));
  }

  forget(): void {
    this.#call = null;
    clearInterval(this.#interval);
    this.storage.removeItem(KEY);
  }

  /** The call that the page had before, unless its place is lost by now. */
  find(): KeptCall | null {
    const kept = parse(this.storage.getItem(KEY));
    const isFresh = kept !== null && this.now() - kept.seenAt < KEPT_MS;
    return isFresh ? kept : null;
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
