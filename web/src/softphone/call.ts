import type { Failure } from "./failure.ts";
import type { LineCallEnd, QueueOffer } from "./line.ts";
import type { Progress } from "./progress.ts";

export type CallPhase =
  /** The browser asks for the microphone. */
  "microphone" | "dialling" | "ringing" | "incoming" | "answering" | "active";

/** One call as it is at a moment. */
export interface Call {
  id: number;
  direction: "outgoing" | "incoming";
  number: string;
  name: string | null;
  /** The server's name for the call, for its API; null when it has not told. */
  callRef: string | null;
  /** The queue that offered it. */
  queue: QueueOffer | null;
  /** How it stands at the server, when that tells. */
  progress: Progress | null;
  /** The agent who has spoken with us. */
  agent: string | null;
  /** The call whose other side waits for what comes of this one. */
  consultFor: number | null;
  /** The call that the server has joined with this one. */
  mergedWith: number | null;
  phase: CallPhase;
  /** Milliseconds since the epoch; null until answered. */
  answeredAt: number | null;
  muted: boolean;
  hold: "none" | "holding" | "held" | "resuming";
  /** Since when the other side waits on hold, milliseconds since the epoch; null while it does not. */
  heldAt: number | null;
  remoteHold: boolean;
  camera: "off" | "starting" | "on" | "stopping";
  /** Our own picture while the camera is open. */
  ownVideo: MediaStream | null;
  /** The other side's picture while it sends one. */
  remoteVideo: MediaStream | null;
  /** Whether an incoming call may be answered with a picture. */
  offersVideo: boolean;
  media: "connecting" | "connected" | "interrupted";
  /** Digits sent during this call. */
  digits: string;
  transfer: { number: string; failure: Failure | null } | null;
  /** Something that went wrong while the call itself goes on. */
  notice: Failure | null;
}

/** A call that is over. */
export interface EndedCall {
  id: number;
  direction: Call["direction"];
  number: string;
  name: string | null;
  /** The server's name for the call; null when it has not told. */
  callRef: string | null;
  /** The agent who has spoken with us. */
  agent: string | null;
  /** The number at which the server calls back; null when it does not. */
  callbackTo: string | null;
  outcome: "ended" | "cancelled" | "missed" | "elsewhere" | "declined" | "transferred" | "failed";
  by: LineCallEnd["by"];
  /** Seconds of conversation; null when the call was never answered. */
  seconds: number | null;
  failure: Failure | null;
}

/** What a call begins as. */
export function newCall(
  first: Pick<Call, "id" | "direction" | "number" | "phase"> & Partial<Call>,
): Call {
  return {
    name: null,
    callRef: null,
    queue: null,
    progress: null,
    agent: null,
    consultFor: null,
    mergedWith: null,
    answeredAt: null,
    muted: false,
    hold: "none",
    heldAt: null,
    remoteHold: false,
    camera: "off",
    ownVideo: null,
    remoteVideo: null,
    offersVideo: false,
    media: "connecting",
    digits: "",
    transfer: null,
    notice: null,
    ...first,
  };
}

/** What is left to tell of a call; `now` is milliseconds since the epoch. */
export function endedCall(call: Call, end: LineCallEnd, now: number): EndedCall {
  const { id, direction, number, name, callRef, agent, progress, answeredAt } = call;
  return {
    id,
    direction,
    number,
    name,
    callRef,
    agent,
    callbackTo: progress?.state === "callback_taken" ? progress.number : null,
    outcome: outcome(call, end),
    by: end.by,
    seconds: answeredAt === null ? null : Math.max(0, Math.round((now - answeredAt) / 1000)),
    failure: isTransferring(call) ? null : end.failure,
  };
}

function outcome(call: Call, end: LineCallEnd): EndedCall["outcome"] {
  if (isTransferring(call)) return "transferred";
  if (end.failure) return "failed";
  if (call.answeredAt !== null) return "ended";
  if (end.elsewhere) return "elsewhere";
  if (call.direction === "incoming") return end.by === "remote" ? "missed" : "declined";
  return end.by === "local" ? "cancelled" : "ended";
}

export function isTransferring({ transfer }: Call): boolean {
  return transfer !== null && transfer.failure === null;
}

/** Whether we are in the call; until the other side has agreed to be held, we are. */
export function isTalking({ phase, hold }: Call): boolean {
  return phase === "active" && hold !== "held";
}
