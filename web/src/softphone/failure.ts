import { Problem, Unreachable } from "../api/problem.ts";
import { NUMBER_LENGTH_MAX } from "./number.ts";

export type FailureKind =
  | "microphone-denied"
  | "microphone-missing"
  | "microphone-busy"
  | "camera-denied"
  | "camera-missing"
  | "camera-busy"
  | "no-video"
  | "insecure-page"
  | "bad-number"
  | "disconnected"
  | "no-route"
  | "busy"
  | "no-answer"
  | "declined"
  | "unavailable"
  | "not-allowed"
  | "unauthorised"
  | "forbidden"
  | "no-extension"
  | "throttled"
  | "no-codec"
  | "overloaded"
  | "no-media"
  | "call-lost"
  | "server";

/** Why something did not work, in words for the person at the telephone. */
export interface Failure {
  kind: FailureKind;
  /** What happened. */
  title: string;
  /** What can be done about it. */
  advice: string;
  /** The server's own words, when it gave any beyond the status code's usual phrase. */
  detail: string | null;
  sipCode: number | null;
}

const WORDS: Record<FailureKind, [title: string, advice: string]> = {
  "microphone-denied": [
    "This page may not use your microphone",
    "Allow the microphone in the browser's address bar, then call again.",
  ],
  "microphone-missing": [
    "No microphone was found",
    "Connect a microphone or headset, then call again.",
  ],
  "microphone-busy": [
    "Your microphone could not be opened",
    "Another program may be using it. Close that program or choose another microphone.",
  ],
  "camera-denied": [
    "This page may not use your camera",
    "Allow the camera in the browser's address bar, then press Camera again.",
  ],
  "camera-missing": ["No camera was found", "Connect a camera, then press Camera again."],
  "camera-busy": [
    "Your camera could not be opened",
    "Another program may be using it. Close that program and press Camera again.",
  ],
  "no-video": [
    "The other side takes no video",
    "You are still connected by voice. Your camera is off.",
  ],
  "insecure-page": [
    "The browser only allows calls on a secure page",
    "Open this page by https, or as localhost on the same machine.",
  ],
  "bad-number": [
    "That is not a number that can be dialled",
    `Use at most ${NUMBER_LENGTH_MAX} digits, * and #; a + may stand in front.`,
  ],
  disconnected: [
    "There is no connection to the call centre",
    "Check your network. The page keeps trying to reconnect.",
  ],
  "no-route": ["This number does not exist", "Check the number and try again."],
  busy: ["The line is busy", "Try again in a moment."],
  "no-answer": ["Nobody answered", "Try again later."],
  declined: ["The call was declined", "Try again later."],
  unavailable: ["Nobody can be reached at this number now", "Try again later."],
  "not-allowed": ["You may not call this number from here", "Choose one of the offered numbers."],
  unauthorised: ["The server did not accept this sign-in", "Reload the page and try again."],
  forbidden: ["Your account may not do this", "Sign in with another account."],
  "no-extension": [
    "This account has no extension to call with",
    "Sign in as an agent, or ask an administrator for an extension.",
  ],
  throttled: ["Too many attempts", "Please wait a little and try again."],
  "no-codec": [
    "The two sides have no sound format in common",
    "Please report this to the operator of this page.",
  ],
  overloaded: ["Too many calls at the moment", "Please wait a little and try again."],
  "no-media": ["The sound could not get through", "A firewall may block it. Try another network."],
  "call-lost": [
    "The call was cut off",
    "The connection to the call centre was lost. Please call again.",
  ],
  server: ["The call could not be set up", "Try again; if it stays so, tell the operator."],
};

export function failure(
  kind: FailureKind,
  detail: string | null = null,
  sipCode: number | null = null,
): Failure {
  const [title, advice] = WORDS[kind];
  return { kind, title, advice, detail, sipCode };
}

const KIND_BY_CODE: Record<number, FailureKind> = {
  401: "unauthorised",
  403: "not-allowed",
  404: "no-route",
  407: "unauthorised",
  408: "no-answer",
  410: "no-route",
  415: "no-codec",
  416: "bad-number",
  429: "overloaded",
  480: "no-answer",
  484: "bad-number",
  486: "busy",
  487: "no-answer",
  488: "no-codec",
  503: "overloaded",
  600: "busy",
  603: "declined",
  604: "no-route",
  606: "no-codec",
  607: "declined",
  608: "declined",
};

/** Q.850 causes that say more than the status code that came with them. */
const KIND_BY_CAUSE: Record<number, FailureKind> = {
  1: "no-route",
  3: "no-route",
  17: "busy",
  18: "no-answer",
  19: "no-answer",
  20: "unavailable",
  21: "declined",
  27: "unavailable",
  28: "bad-number",
  34: "overloaded",
  42: "overloaded",
};

/** Phrases that only repeat the status code. */
const USUAL_PHRASES = new Set(
  [
    "Unauthorized",
    "Forbidden",
    "Not Found",
    "Proxy Authentication Required",
    "Request Timeout",
    "Gone",
    "Unsupported Media Type",
    "Unsupported URI Scheme",
    "Temporarily Unavailable",
    "Temporarily not available",
    "Address Incomplete",
    "Busy Here",
    "Request Terminated",
    "Request Canceled",
    "Not Acceptable Here",
    "Server Internal Error",
    "Service Unavailable",
    "Server Time-out",
    "Busy Everywhere",
    "Decline",
    "Does Not Exist Anywhere",
    "Not Acceptable",
    "Normal call clearing",
  ].map((phrase) => phrase.toLowerCase()),
);

export interface SipRejection {
  code: number;
  phrase: string;
  /** Values of the Reason headers (RFC 3326). */
  reasons: string[];
  /** Value of the Warning header (RFC 3261 20.43). */
  warning: string | null;
}

export function failureFromSip({ code, phrase, reasons, warning }: SipRejection): Failure {
  const q850 = reasons.map(parseReason).find((reason) => reason.protocol === "q.850");
  const byCause = q850?.cause === undefined ? undefined : KIND_BY_CAUSE[q850.cause];
  const byCode = KIND_BY_CODE[code] ?? (code >= 600 ? "declined" : "server");
  const vague = code === 480 || code === 500 || code === 502 || code === 503 || code === 603;
  const words = [...reasons.map((value) => parseReason(value).text), warningText(warning), phrase];
  const detail = words.find(isForPeople) ?? null;
  return failure(vague && byCause ? byCause : byCode, detail, code);
}

/** Neither what the code says already nor a name for programs, such as UNALLOCATED_NUMBER. */
function isForPeople(text: string | null): boolean {
  if (!text || USUAL_PHRASES.has(text.toLowerCase())) return false;
  return !/^[A-Z0-9]+(_[A-Z0-9]+)+$/.test(text);
}

export interface Reason {
  protocol: string;
  cause?: number;
  text: string | null;
}

/** Parses a value such as `Q.850;cause=19;text="No answer"`. */
export function parseReason(value: string): Reason {
  const protocol = (value.split(";")[0] ?? "").trim().toLowerCase();
  const cause = /;\s*cause\s*=\s*(\d{1,3})/i.exec(value)?.[1];
  const text = /;\s*text\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(value);
  const words = (text?.[1] ?? text?.[2] ?? "").replace(/\\(.)/g, "$1");
  return { protocol, text: words || null, ...(cause ? { cause: Number(cause) } : {}) };
}

function warningText(value: string | null): string | null {
  const quoted = value === null ? null : /"((?:[^"\\]|\\.)*)"/.exec(value);
  return quoted?.[1]?.replace(/\\(.)/g, "$1") || null;
}

/** Explains why `getUserMedia` failed. */
export function failureFromMicrophone(error: unknown): Failure {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "PermissionDeniedError":
      return failure("microphone-denied");
    case "SecurityError":
    case "InsecurePageError":
      return failure("insecure-page");
    case "NotFoundError":
    case "DevicesNotFoundError":
    case "OverconstrainedError":
      return failure("microphone-missing");
    default:
      return failure("microphone-busy", error instanceof Error ? error.message || null : null);
  }
}

const CAMERA_KINDS: Partial<Record<FailureKind, FailureKind>> = {
  "microphone-denied": "camera-denied",
  "microphone-missing": "camera-missing",
  "microphone-busy": "camera-busy",
};

/** Explains why `getUserMedia` failed for a camera. */
export function failureFromCamera(error: unknown): Failure {
  const { kind, detail } = failureFromMicrophone(error);
  return failure(CAMERA_KINDS[kind] ?? kind, detail);
}

/** Explains why the API refused, for example a guest session or a page of the administration. */
export function failureFromApi(error: unknown): Failure {
  if (error instanceof Unreachable) return failure("disconnected");
  if (!(error instanceof Problem))
    return failure("server", error instanceof Error ? error.message : null);
  if (error.status === 429) return throttled(error);
  if (error.status === 503) return failure("overloaded", error.detail);
  if (error.status === 401) return failure("unauthorised", error.detail);
  if (error.status === 403) return failure("forbidden", error.detail);
  return failure("server", error.detail ?? error.title);
}

function throttled({ retryAfterSeconds, detail }: Problem): Failure {
  const reason = failure("throttled", detail);
  if (retryAfterSeconds === null) return reason;
  const unit = retryAfterSeconds === 1 ? "second" : "seconds";
  return { ...reason, advice: `Try again in ${retryAfterSeconds} ${unit}.`, detail: null };
}
