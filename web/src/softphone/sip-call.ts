import {
  type Bye,
  type Invitation,
  Inviter,
  type Notification,
  type Session,
  SessionState,
  URI,
  type Web,
} from "sip.js";
import { unquotedName } from "./display-name.ts";
import { type Failure, failure, failureFromSip, parseReason } from "./failure.ts";
import type { DialogId } from "./kept-call.ts";
import type {
  IncomingLineCall,
  LineCall,
  LineCallEnd,
  LineCallHandlers,
  QueueOffer,
} from "./line.ts";
import { videoDirection, videoTransceiver } from "./media-handler.ts";
import { callRefOf, isAutoAnswer, queueOf } from "./offer.ts";
import { type CallbackRefusal, callbackRequest, progressOf, refusalOf } from "./progress.ts";
import { rejectionOf } from "./sip-response.ts";

/** One SIP.js session as a `LineCall`. */
export class SipCall implements LineCall {
  #handlers: LineCallHandlers | null;
  #held = false;
  #hungUp = false;
  #end: LineCallEnd | null = null;
  #connection: RTCPeerConnection | null = null;

  constructor(
    protected readonly session: Session,
    private readonly domain: string,
    handlers: LineCallHandlers | null,
  ) {
    this.#handlers = handlers;
    session.stateChange.addListener((state) => this.#onState(state));
    session.delegate = {
      onBye: (bye) => this.#onBye(bye),
      onCancel: ({ request }) => {
        const elsewhere = isAnsweredElsewhere(request.getHeaders("reason"));
        this.#end = { by: "remote", failure: null, elsewhere };
      },
      onInfo: (info) => {
        info.accept().catch(() => undefined);
        const progress = progressOf(info.request);
        if (progress) this.#handlers?.onProgress(progress);
      },
      onSessionDescriptionHandler: (handler) => this.#onHandler(handler),
    };
  }

  setHandlers(handlers: LineCallHandlers): void {
    this.#handlers = handlers;
  }

  invite(inviter: Inviter, media: MediaStream): void {
    inviter
      .invite({
        sessionDescriptionHandlerOptions: handlerOptions({ media }),
        requestDelegate: {
          onProgress: ({ message }) => {
            const code = message.statusCode ?? 100;
            this.#onName(callRefOf(message));
            if (code > 100 && code < 200) this.#handlers?.onRinging(message.body !== "");
          },
          onAccept: ({ message }) => this.#onName(callRefOf(message)),
          onReject: (response) => {
            this.#end ??= { by: "remote", failure: failureFromSip(rejectionOf(response)) };
          },
        },
      })
      .catch((error: unknown) => this.#onSetupError(error));
  }

  dialog(): DialogId | null {
    const { dialog } = this.session;
    return dialog
      ? { callId: dialog.callId, localTag: dialog.localTag, remoteTag: dialog.remoteTag }
      : null;
  }

  hangUp(): void {
    this.#hungUp = true;
    this.#end ??= { by: "local", failure: null };
    const { session } = this;
    const ending =
      session.state === SessionState.Established
        ? session.bye()
        : session instanceof Inviter
          ? session.cancel()
          : (session as Invitation).reject({ statusCode: 603 });
    ending.catch(() => this.#finish());
  }

  setHold(held: boolean): Promise<void> {
    return this.#renegotiate({ hold: held }).then(() => {
      this.#held = held;
    });
  }

  refresh(restartIce: boolean): Promise<void> {
    const offerOptions = restartIce ? { iceRestart: true } : {};
    return this.#renegotiate({ hold: this.#held, offerOptions });
  }

  async setCamera(track: MediaStreamTrack | null): Promise<void> {
    const connection = this.#connection;
    if (!connection) throw failure("no-video");
    const video = videoTransceiver(connection);
    if (video) {
      await video.sender.replaceTrack(track);
      if (track && !this.#held) video.direction = "sendrecv";
      else video.direction = track ? "sendonly" : this.#held ? "inactive" : "recvonly";
    } else if (track) {
      connection.addTransceiver(track, {
        direction: "sendrecv",
        streams: [new MediaStream([track])],
      });
    }
    await this.#renegotiate({ hold: this.#held });
    if (track && videoDirection(connection) === null) throw failure("no-video");
  }

  sendDigitBySignalling(digit: string, durationMs: number): void {
    const body = {
      contentDisposition: "render",
      contentType: "application/dtmf-relay",
      content: `Signal=${digit}\r\nDuration=${durationMs}\r\n`,
    };
    // A digit that cannot be sent because the call is ending has nobody to hear it.
    this.session.info({ requestOptions: { body } }).catch(() => undefined);
  }

  requestCallback(number: string): Promise<CallbackRefusal | null> {
    return new Promise((resolve) => {
      const requestDelegate = {
        onAccept: () => resolve(null),
        onReject: ({ message }: { message: { body: string } }) => resolve(refusalOf(message.body)),
      };
      const requestOptions = callbackRequest(number);
      this.session.info({ requestDelegate, requestOptions }).catch(() => resolve("failed"));
    });
  }

  transfer(number: string): Promise<void> {
    return this.#refer(new URI("sip", number, this.domain));
  }

  transferTo(other: LineCall): Promise<void> {
    if (!(other instanceof SipCall)) return Promise.reject(failure("server"));
    return this.#refer(other.session);
  }

  #refer(target: URI | Session): Promise<void> {
    return new Promise((resolve, reject) => {
      const onNotify = (notification: Notification) => {
        notification.accept().catch(() => undefined);
        const outcome = transferOutcome(notification.request.body);
        if (outcome === "done") resolve();
        else if (outcome !== "pending") reject(outcome);
      };
      const onReject = (response: Parameters<typeof rejectionOf>[0]) =>
        reject(failureFromSip(rejectionOf(response)));
      this.session.refer(target, { onNotify, requestDelegate: { onReject } }).catch(reject);
    });
  }

  #renegotiate(options: object): Promise<void> {
    return new Promise((resolve, reject) => {
      const requestDelegate = {
        onAccept: () => resolve(),
        onReject: (response: Parameters<typeof rejectionOf>[0]) => {
          const refusal = failureFromSip(rejectionOf(response));
          // The other side knows nothing of this call any more (RFC 3261 12.2.1.2).
          if (refusal.sipCode === 481) this.#giveUp();
          reject(refusal);
        },
      };
      this.session
        .invite({ requestDelegate, sessionDescriptionHandlerOptions: handlerOptions(options) })
        .catch(reject);
    });
  }

  #onName(callRef: string | null): void {
    if (callRef) this.#handlers?.onNamed(callRef);
  }

  #giveUp(): void {
    this.#end ??= { by: "remote", failure: failure("call-lost") };
    this.hangUp();
  }

  #onHandler(handler: unknown): void {
    const connection = (handler as Web.SessionDescriptionHandler).peerConnection;
    if (!connection || this.#connection) return;
    this.#connection = connection;
    connection.addEventListener("signalingstatechange", () => {
      if (connection.signalingState !== "stable") return;
      this.#checkRemoteHold(connection);
      this.#handlers?.onVideo(videoDirection(connection));
    });
    this.#handlers?.onMedia(connection);
  }

  #checkRemoteHold(connection: RTCPeerConnection): void {
    const isSound = ({ receiver }: RTCRtpTransceiver) => receiver.track.kind === "audio";
    const direction = connection.getTransceivers().find(isSound)?.currentDirection;
    if (!direction) return;
    const sends = direction === "sendrecv" || direction === "sendonly";
    this.#handlers?.onRemoteHold(!sends);
  }

  #onBye(bye: Bye): void {
    this.#end ??= { by: "remote", failure: byeFailure(bye.request.getHeaders("reason")) };
    bye.accept().catch(() => undefined);
  }

  #onSetupError(error: unknown): void {
    const words = error instanceof Error ? error.message : String(error);
    this.#end ??= { by: "local", failure: failure("server", words) };
    this.#finish();
  }

  #onState(state: SessionState): void {
    if (state === SessionState.Established && !this.#hungUp) this.#handlers?.onAnswered();
    // SIP.js ends the session before it says why: let it finish its sentence.
    if (state === SessionState.Terminated) queueMicrotask(() => this.#finish());
  }

  #finish(): void {
    const handlers = this.#handlers;
    this.#handlers = null;
    handlers?.onEnded(this.#end ?? { by: "remote", failure: failure("server") });
  }
}

export class SipIncomingCall extends SipCall implements IncomingLineCall {
  readonly number: string;
  readonly name: string | null;
  readonly callRef: string | null;
  readonly queue: QueueOffer | null;
  readonly autoAnswer: boolean;
  readonly offersVideo: boolean;

  constructor(
    private readonly invitation: Invitation,
    domain: string,
  ) {
    super(invitation, domain, null);
    const { uri, displayName } = invitation.remoteIdentity;
    this.number = uri.user ?? "";
    this.name = unquotedName(displayName ?? "") || null;
    this.callRef = callRefOf(invitation.request);
    this.queue = queueOf(invitation.request);
    this.autoAnswer = isAutoAnswer(invitation.request);
    this.offersVideo = /^m=video [1-9]/m.test(invitation.body ?? "");
  }

  accept(media: MediaStream): Promise<void> {
    const sessionDescriptionHandlerOptions = handlerOptions({ media });
    return this.invitation.accept({ sessionDescriptionHandlerOptions });
  }

  rejectBusy(): void {
    // The caller may have given up in the same moment; then there is nobody left to tell.
    this.invitation.reject({ statusCode: 486 }).catch(() => undefined);
  }
}

/** SIP.js passes unknown options on to the media factory; its type does not say so. */
function handlerOptions(options: object): Web.SessionDescriptionHandlerOptions {
  return options;
}

/** Reads the status line in a message/sipfrag body (RFC 3420). */
export function transferOutcome(sipfrag: string): "pending" | "done" | Failure {
  const status = /^SIP\/2\.0 (\d{3}) ?([^\r\n]*)/.exec(sipfrag.trim());
  const code = Number(status?.[1] ?? 100);
  if (code < 200) return "pending";
  if (code < 300) return "done";
  return failureFromSip({ code, phrase: status?.[2] ?? "", reasons: [], warning: null });
}

/** Only an abnormal cause is worth a message; 16 is normal call clearing (Q.850). */
export function byeFailure(reasons: string[]): Failure | null {
  const q850 = reasons.map(parseReason).find((reason) => reason.protocol === "q.850");
  if (q850?.cause === undefined || q850.cause === 16 || q850.cause === 31) return null;
  return failureFromSip({ code: 480, phrase: "", reasons, warning: null });
}

/** Whether a CANCEL says that another telephone took the call (RFC 3326). */
export function isAnsweredElsewhere(reasons: string[]): boolean {
  return reasons.map(parseReason).some(({ protocol, cause }) => {
    return (protocol === "sip" && cause === 200) || (protocol === "q.850" && cause === 26);
  });
}
