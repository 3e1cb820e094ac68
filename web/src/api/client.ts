import type { Credentials } from "../softphone/credentials.ts";
import { parseCredentials } from "../softphone/credentials.ts";
import { failure } from "../softphone/failure.ts";
import { Problem } from "./problem.ts";
import { request } from "./request.ts";

export type Role = "admin" | "supervisor" | "agent";
export interface SignedIn {
  role: Role;
  expires_at: string;
}

/** One row of the call history; null where nothing was measured or nobody answered. */
export interface CallRecord {
  id: string;
  caller: string;
  caller_name: string | null;
  dialled: string;
  answered_by: string | null;
  started_at: string;
  ring_seconds: number;
  talk_seconds: number;
  /** Q.850 cause. */
  hangup_cause: number;
  hangup_cause_name: string;
  hung_up_by: "caller" | "callee" | "system";
  caller_codec: string | null;
  callee_codec: string | null;
  loss_percent: number | null;
  jitter_ms: number | null;
  mos: number | null;
  verdict: Verdict | null;
  /** The recordings of the call, those that were deleted among them. */
  recordings: string[];
  /** What the caller thinks of it, 1 to 5. */
  stars: number | null;
}

/** A recording of a call. */
export interface Recording {
  id: string;
  state: "recording" | "complete" | "failed" | "interrupted" | "deleted";
  failure: string | null;
  /** 0 until it has ended. */
  seconds: number;
  marks: RecordingMark[];
  encrypted: boolean;
}

/** Where a recording was paused or went on. */
export interface RecordingMark {
  seconds: number;
  kind: "pause" | "resume";
}

/** Why a party was not heard. */
export interface Verdict {
  /** For programs, such as nothing_received. */
  code: string;
  /** The place of that party's leg: 0 is the caller's. */
  leg: number;
  evidence: string;
  advice: string;
}

export interface Health {
  status: string;
  version: string;
  uptime_s: number;
  checks: Record<string, unknown>;
}

/** Who is signed in. */
export interface Me {
  username: string;
  role: Role;
  extension: string | null;
}

export async function me(): Promise<Me> {
  return (await request("GET", "/api/auth/me")) as Me;
}

/** Says what the guest of this browser thinks of a call that it has placed. */
export async function rateCall(call: string, stars: number, comment: string): Promise<void> {
  const guest = keptGuest(0);
  const { username, password } = guest ?? { username: "", password: "" };
  const rating = { username, password, stars, comment: comment.trim() || null };
  await request("POST", `/api/calls/${call}/rating`, rating);
}

const GUEST_KEY = "offhook.guest";
/** Kept credentials that run out sooner than this are of no use for a call. */
const GUEST_MARGIN_MS = 120_000;
let isFirstSession = true;

/**
 * A guest's credentials. This browser keeps them for the page that is loaded next, since a call can only be
 * gone on with by the guest who began it.
 */
export async function guestSession(): Promise<Credentials> {
  const kept = isFirstSession ? keptGuest(GUEST_MARGIN_MS) : null;
  isFirstSession = false;
  if (kept) return kept;
  const session = await request("POST", "/api/session/guest", {});
  localStorage.setItem(GUEST_KEY, JSON.stringify(session));
  return parseCredentials(session, location.href);
}

/** The guest that this browser keeps, if it is one for so long at least. */
function keptGuest(marginMs: number): Credentials | null {
  try {
    const text = localStorage.getItem(GUEST_KEY) ?? "null";
    const kept = parseCredentials(JSON.parse(text), location.href);
    const left = (kept.expiresAt?.getTime() ?? 0) - Date.now();
    return left > marginMs ? kept : null;
  } catch {
    return null;
  }
}

/** Credentials of the signed-in person's extension; throws a `Failure` when there is none. */
export async function sipSession(): Promise<Credentials> {
  const session = await request("GET", "/api/session/sip").catch((reason: unknown) => {
    const missing = reason instanceof Problem && reason.status === 404;
    throw missing ? failure("no-extension") : reason;
  });
  return parseCredentials(session, location.href);
}

const SIGNED_IN_KEY = "offhook.signed-in";

export async function signIn(username: string, password: string): Promise<SignedIn> {
  const session = await request("POST", "/api/auth/login", { username, password });
  localStorage.setItem(SIGNED_IN_KEY, "yes");
  return session as SignedIn;
}

export async function signOut(): Promise<void> {
  localStorage.removeItem(SIGNED_IN_KEY);
  await request("POST", "/api/auth/logout", {});
}

/** Whether this browser signed in before; the cookie itself cannot be read and may be too old. */
export function wasSignedIn(): boolean {
  return localStorage.getItem(SIGNED_IN_KEY) !== null;
}

export async function callHistory(limit: number): Promise<CallRecord[]> {
  const page = await request("GET", `/api/calls/history?limit=${limit}`);
  return (page as { items: CallRecord[] }).items;
}

/** The recordings of a call whose files are there, in the order in which they began. */
export async function recordingsOf(call: string): Promise<Recording[]> {
  const page = await request("GET", `/api/recordings?call=${call}&limit=1000`);
  return (page as { items: Recording[] }).items.toReversed();
}

/** Where the sound of a recording is. */
export function recordingAudio(id: string): string {
  return `/api/recordings/${id}/audio`;
}

export async function health(): Promise<Health> {
  return (await request("GET", "/api/health")) as Health;
}
