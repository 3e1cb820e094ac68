import {
  type Call,
  type ConnectionState,
  type EndedCall,
  type Failure,
  type Progress,
  type Quality,
  readNumber,
} from "../softphone/index.ts";

/** The state of a call as a person would say it. */
export function callWords(call: Call): string {
  switch (call.phase) {
    case "microphone":
      return "Waiting for the microphone";
    case "dialling":
      return "Calling";
    case "ringing":
      return "Ringing";
    case "incoming":
      return "Incoming call";
    case "answering":
      return "Answering";
    case "active":
      return activeWords(call);
  }
}

function activeWords(call: Call): string {
  if (call.transfer && !call.transfer.failure) return `Transferring to ${call.transfer.number}`;
  if (call.hold === "holding") return "Putting on hold";
  if (call.hold === "held") return "On hold";
  if (call.hold === "resuming") return "Resuming";
  if (call.media === "interrupted") return "Sound interrupted, reconnecting";
  if (call.remoteHold) return "The other side put you on hold";
  const state = progressWords(call.progress) ?? "Connected";
  return call.muted ? `${state}, microphone muted` : state;
}

/** How the call stands at the server; null when that says no more than that it is up. */
export function progressWords(progress: Progress | null): string | null {
  switch (progress?.state) {
    case "menu":
      return "In the menu: press a key on the keypad";
    case "queued":
      return `${placeWords(progress.position)} for ${progress.queue}${waitWords(progress.expectedWaitSeconds)}`;
    case "callback_taken":
      return `We will call you back at ${progress.number}. You can hang up.`;
    case "talking":
      return `${progress.name ?? progress.with} is speaking with you`;
    default:
      return null;
  }
}

function placeWords(position: number): string {
  return position === 1 ? "You are next in line" : `You are number ${position} in line`;
}

function waitWords(seconds: number | null): string {
  if (seconds === null) return "";
  const minutes = Math.ceil(seconds / 60);
  return minutes <= 1 ? ", less than a minute" : `, about ${minutes} minutes`;
}

export function endedWords(last: EndedCall, name: string): string {
  if (last.callbackTo) return `You keep your place: we will call you back at ${last.callbackTo}`;
  const lasted = last.seconds === null ? "" : ` after ${spokenDuration(last.seconds)}`;
  switch (last.outcome) {
    case "failed":
      // Its notice is an alert, which screen readers speak at once.
      return "";
    case "transferred":
      return `${name} was transferred`;
    case "cancelled":
      return `Call to ${name} cancelled`;
    case "missed":
      return `Missed call from ${name}`;
    case "elsewhere":
      return `Call from ${name} answered on another device`;
    case "declined":
      return `Call from ${name} declined`;
    case "ended":
      return `Call with ${name} ended${lasted}`;
  }
}

/** Why a call failed, with advice that fits what was called and what has happened since. */
export function callFailure(reason: Failure, offered: boolean, connected: boolean): Failure {
  if (reason.kind === "no-route" && offered) {
    return { ...reason, advice: "It is not set up on this server. Choose another number." };
  }
  if (reason.kind === "disconnected" && connected) {
    const title = "The call did not go through";
    return { ...reason, title, advice: "The connection is back. You can call again." };
  }
  return reason;
}

const HOPELESS: ReadonlySet<Failure["kind"]> = new Set([
  "no-route",
  "bad-number",
  "not-allowed",
  "insecure-page",
  "no-codec",
]);

/** Whether the same number may be worth another call. */
export function isWorthAnotherCall({ failure, outcome, number }: EndedCall): boolean {
  if (readNumber(number) === null) return false;
  return failure ? !HOPELESS.has(failure.kind) : outcome === "missed";
}

/** 75 as "1:15", 3675 as "1:01:15". */
export function clock(seconds: number): string {
  const pad = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = pad(Math.floor(seconds) % 60);
  return hours > 0 ? `${hours}:${pad(minutes)}:${rest}` : `${minutes}:${rest}`;
}

/** 75 as "1 min 15 s". */
export function spokenDuration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/**
 * Whether the connection is worth a complaint. One lost attempt is not, since it is usually over
 * before it is read; after that the complaint stays through every further attempt.
 */
export function isDown({ phase, attempt }: ConnectionState): boolean {
  return (phase === "waiting" && attempt >= 2) || (phase === "connecting" && attempt > 2);
}

export function connectionWords(state: ConnectionState, registers: boolean): string {
  switch (state.phase) {
    case "stopped":
      return "Not connected";
    case "connecting":
      if (isDown(state)) return "No connection";
      return state.attempt > 1 ? "Reconnecting" : "Connecting";
    case "waiting":
      return "No connection";
    case "connected":
      return registers ? registrationWords(state) : "Ready to call";
  }
}

function registrationWords(state: ConnectionState): string {
  switch (state.registration) {
    case "registered":
      return `Extension ${state.identity?.username ?? ""}`;
    case "registering":
      return "Registering";
    case "unregistered":
    case "refused":
      return "Not registered";
  }
}

export type QualityGrade = "measuring" | "good" | "fair" | "poor";

export const GRADE_WORDS: Record<QualityGrade | "interrupted", string> = {
  interrupted: "No sound",
  measuring: "Measuring",
  good: "Good",
  fair: "Fair",
  poor: "Poor",
};

/** A grade from the worst of loss, jitter and delay, with ITU-T G.114's 150 and 400 ms. */
export function grade(quality: Quality | null): QualityGrade {
  if (!quality?.packetsReceived) return "measuring";
  const loss = Math.max(quality.lossPercent ?? 0, quality.remoteLossPercent ?? 0);
  const delay = (quality.roundTripMs ?? 0) / 2 + (quality.jitterBufferMs ?? 0);
  const jitter = quality.jitterMs ?? 0;
  if (loss > 5 || delay > 400 || jitter > 60) return "poor";
  if (loss > 1 || delay > 150 || jitter > 30) return "fair";
  return "good";
}

/** What a refused sign-in says: the form is still there, and nothing of it was a call. */
export function signInFailure(failure: Failure): Failure {
  switch (failure.kind) {
    case "unauthorised":
      return {
        ...failure,
        title: "User name or password is wrong",
        advice: "Check both and try again.",
        detail: null,
      };
    case "disconnected":
      return { ...failure, advice: "Check your network and try again." };
    case "server":
    case "overloaded":
      return { ...failure, title: "You could not be signed in" };
    default:
      return failure;
  }
}

/** Why there is no connection to call over; it is tried again by itself. */
export function connectionFailure(failure: Failure): Failure {
  if (failure.kind !== "server" && failure.kind !== "overloaded") return failure;
  const title = "No calls are possible at the moment";
  return { ...failure, title, advice: "The page keeps trying." };
}

/** Why a page of the administration shows nothing new; it asks again by itself. */
export function pageFailure(failure: Failure): Failure {
  if (failure.kind !== "server" && failure.kind !== "overloaded") return failure;
  const title = "The server could not answer this page";
  return { ...failure, title, advice: "The page keeps asking." };
}

/** Why somebody who had signed in is asked to do so again. */
export function signedOutFailure(failure: Failure): Failure {
  if (failure.kind !== "unauthorised") return failure;
  return {
    ...failure,
    title: "You have been signed out",
    advice: "Sign in again to go on.",
    detail: null,
  };
}

/** A guest's name for people; the user name itself is `guest-<expiry>-<16 hexadecimal digits>`. */
export function guestName(number: string): string | null {
  const id = /^guest-\d+-([0-9a-f]{16})$/.exec(number)?.[1];
  return id ? `Guest ${id.slice(-4)}` : null;
}
