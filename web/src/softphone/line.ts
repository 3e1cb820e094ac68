import type { Credentials } from "./credentials.ts";
import type { Failure } from "./failure.ts";
import type { DialogId } from "./kept-call.ts";
import type { CallbackRefusal, Progress } from "./progress.ts";

/**
 * The boundary between the softphone and a signalling stack. `SipLine` implements it on SIP.js;
 * tests implement it by hand.
 */
export interface Line {
  /** Opens the signalling socket; rejects when that fails, or is not done within so many milliseconds. */
  connect(timeoutMs: number): Promise<void>;
  /** Finds out now whether the socket is alive. */
  probe(): void;
  /** Registers this browser's contact on the open socket. */
  register(): void;
  /** `media` is the microphone, and the camera when the call begins with video. */
  dial(number: string, media: MediaStream, handlers: LineCallHandlers): LineCall;
  /** Comes back to a call whose dialog an earlier page had (RFC 3891). */
  comeBack(
    dialog: DialogId,
    number: string,
    media: MediaStream,
    handlers: LineCallHandlers,
  ): LineCall;
  /** Ends calls and registration as far as that is possible and closes the socket. */
  close(): void;
}

export type RegistrationState = "unregistered" | "registering" | "registered" | "refused";

export interface LineHandlers {
  /** The socket was lost; not called for `close()`. */
  onDisconnected(): void;
  onRegistration(state: RegistrationState, failure: Failure | null): void;
  onIncoming(call: IncomingLineCall): void;
}

export type LineFactory = (credentials: Credentials, handlers: LineHandlers) => Line;

export interface LineCallHandlers {
  /** The server told its name for the call. */
  onNamed(callRef: string): void;
  /** The server told how the call stands there. */
  onProgress(progress: Progress): void;
  /** The other side is ringing; `early` when it already sends sound of its own. */
  onRinging(early: boolean): void;
  onAnswered(): void;
  onRemoteHold(held: boolean): void;
  /** The peer connection exists; called once per call and before any sound. */
  onMedia(connection: RTCPeerConnection): void;
  /** How video flows after a negotiation; null when the call has none. */
  onVideo(direction: VideoDirection | null): void;
  onEnded(end: LineCallEnd): void;
}

/** As this side sees it: "recvonly" shows the other side's picture. */
export type VideoDirection = "sendrecv" | "sendonly" | "recvonly" | "inactive";

export interface LineCallEnd {
  by: "local" | "remote";
  /** Null when the call ended in the ordinary way. */
  failure: Failure | null;
  /** Another telephone of the same extension took the call. */
  elsewhere?: boolean;
}

export interface LineCall {
  /** Null before there is one. */
  dialog(): DialogId | null;
  /** Cancels, rejects or ends the call, whichever fits. */
  hangUp(): void;
  /** Resolves when the other side has agreed. */
  setHold(held: boolean): Promise<void>;
  /** Sends this picture, or none; resolves when the other side has agreed. */
  setCamera(track: MediaStreamTrack | null): Promise<void>;
  /** Sends a digit in signalling (SIP INFO), for when the media path cannot carry it. */
  sendDigitBySignalling(digit: string, durationMs: number): void;
  /** Asks to be called back at this number; resolves with null when that was taken. */
  requestCallback(number: string): Promise<CallbackRefusal | null>;
  /** Blind transfer; resolves when the target was reached, rejects with a Failure otherwise. */
  transfer(number: string): Promise<void>;
  /** Attended transfer to the other side of another call of this line; resolves and rejects alike. */
  transferTo(other: LineCall): Promise<void>;
  /** Renegotiates, so that the other side learns the path through a new socket. */
  refresh(restartIce: boolean): Promise<void>;
}

/** A queue that offers a call. */
export interface QueueOffer {
  id: string;
  name: string;
  /** How long the caller had waited, seconds. */
  waitedSeconds: number;
  /** The number to be called back, when that is what is offered. */
  callback: string | null;
}

export interface IncomingLineCall extends LineCall {
  readonly number: string;
  readonly name: string | null;
  /** The server's name for the call. */
  readonly callRef: string | null;
  readonly queue: QueueOffer | null;
  /** Whether the server wants it to be answered without anybody's doing. */
  readonly autoAnswer: boolean;
  readonly offersVideo: boolean;
  setHandlers(handlers: LineCallHandlers): void;
  /** `media` is the microphone, and the camera when the call is answered with it. */
  accept(media: MediaStream): Promise<void>;
  /** Says that this line is busy with another call. */
  rejectBusy(): void;
}
