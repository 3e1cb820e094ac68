import type { CallAudio } from "./audio-devices.ts";
import type { Tones } from "./call-tones.ts";
import type { CallCamera } from "./camera.ts";
import { Connection, type ConnectionOptions, isFailure } from "./connection.ts";
import { type Failure, failure } from "./failure.ts";
import type { KeptCall, KeptCalls } from "./kept-call.ts";
import type {
  IncomingLineCall,
  LineCall,
  LineCallEnd,
  LineCallHandlers,
  VideoDirection,
} from "./line.ts";
import { isDtmfKey, readNumber } from "./number.ts";
import { RemoteVideo } from "./remote-video.ts";
import { Store } from "./store.ts";

export type CallPhase =
  /** The browser asks for the microphone. */
  "microphone" | "dialling" | "ringing" | "incoming" | "answering" | "active";

export interface Call {
  id: number;
  direction: "outgoing" | "incoming";
  number: string;
  name: string | null;
  phase: CallPhase;
  /** Milliseconds since the epoch; null until answered. */
  answeredAt: number | null;
  muted: boolean;
  hold: "none" | "holding" | "held" | "resuming";
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

export interface EndedCall {
  id: number;
  direction: Call["direction"];
  number: string;
  name: string | null;
  outcome: "ended" | "cancelled" | "missed" | "elsewhere" | "declined" | "transferred" | "failed";
  by: LineCallEnd["by"];
  /** Seconds of conversation; null when the call was never answered. */
  seconds: number | null;
  failure: Failure | null;
}

export interface PhoneState {
  call: Call | null;
  last: EndedCall | null;
}

export type SoftphoneOptions = Omit<
  ConnectionOptions,
  "busy" | "onIncoming" | "onLost" | "onRestored"
> & {
  audio: CallAudio;
  camera: CallCamera;
  tones: Tones;
  /** Where the call outlives the page. */
  kept: KeptCalls;
};

const DTMF_DURATION_MS = 120;
const DTMF_GAP_MS = 70;
/** An interrupted media path that does not come back within this ends the call. */
export const MEDIA_RESTART_TIMEOUT_MS = 15_000;

/** The one call of this browser, its connection, and what can be done with them. */
export class Softphone {
  readonly connection: Connection;
  readonly state = new Store<PhoneState>({ call: null, last: null });
  #line: LineCall | null = null;
  #microphone: MediaStream | null = null;
  #peer: RTCPeerConnection | null = null;
  #camera: MediaStreamTrack | null = null;
  readonly #remoteVideo: RemoteVideo;
  #mediaDeadline: ReturnType<typeof setTimeout> | undefined;
  #callCount = 0;
  /** Whether the current call was already tried again with fresh credentials. */
  #retried = false;

  constructor(private readonly options: SoftphoneOptions) {
    this.connection = new Connection({
      ...options,
      busy: () => this.#line !== null,
      onIncoming: (line) => this.#onIncoming(line),
      onLost: () => this.#onConnectionLost(),
      onRestored: () => this.#refresh(this.state.get().call?.media === "interrupted"),
    });
    this.#remoteVideo = new RemoteVideo((remoteVideo) => {
      const call = this.state.get().call;
      if (call) this.#patch(call.id, { remoteVideo });
    });
    options.audio.onTrackReplaced((track) => void this.#replaceTrack(track));
  }

  /** Connects, and goes on with the call that this page had before it was loaded anew. */
  start(): void {
    this.connection.start();
    void this.options.kept.take().then((kept) => {
      if (kept && !this.state.get().call) void this.#comeBack(kept);
    });
  }

  /** The page goes away: what has been answered is kept for the next one, and whoever rings goes on. */
  leave(): void {
    const { call } = this.state.get();
    if (this.options.kept.has()) this.options.kept.touch();
    else if (call?.direction === "outgoing") this.hangUp();
  }

  async #comeBack(kept: KeptCall): Promise<void> {
    this.options.kept.keep(kept);
    const id = this.#begin(kept.direction, kept.number, kept.name, "microphone");
    this.#patch(id, { answeredAt: kept.answeredAt });
    this.#retried = true;
    try {
      this.#microphone = await this.#openMicrophone(id);
      this.#patch(id, { phase: "dialling" });
      const line = await this.connection.ready();
      if (!this.#is(id)) return;
      if (this.#account() !== kept.account) throw failure("call-lost");
      // The dialog says which call it is; the number only has to be one that may be dialled.
      const number = kept.direction === "outgoing" ? kept.number : kept.account;
      this.#line = line.comeBack(kept.dialog, number, this.#media(), this.#handlers(id));
      this.#applyMicrophone();
    } catch (reason) {
      this.#end(id, { by: "local", failure: toFailure(reason) });
    }
  }

  stop(): void {
    this.hangUp();
    this.connection.stop();
  }

  /** The peer connection of the current call, for measurements. */
  peerConnection(): RTCPeerConnection | null {
    return this.#peer;
  }

  /** Calls a number, with the camera if that is wanted and can be had. */
  async call(input: string, withCamera = false): Promise<void> {
    if (this.state.get().call) return;
    const number = readNumber(input);
    this.#retried = false;
    const id = this.#begin("outgoing", number ?? input.trim(), null, "microphone");
    if (number === null) return this.#end(id, { by: "local", failure: failure("bad-number") });
    try {
      this.#microphone = await this.#openMicrophone(id);
      if (withCamera) await this.#openCameraAtFirst(id);
      await this.#dial(id, number);
    } catch (reason) {
      this.#end(id, { by: "local", failure: toFailure(reason) });
    }
  }

  /** Answers, with the camera if that is wanted and can be had. */
  async accept(withCamera = false): Promise<void> {
    const call = this.state.get().call;
    const line = this.#line;
    if (call?.phase !== "incoming" || !line) return;
    this.options.tones.stop();
    this.#patch(call.id, { phase: "answering" });
    try {
      this.#microphone = await this.#openMicrophone(call.id);
      if (withCamera) await this.#openCameraAtFirst(call.id);
      if (!this.#is(call.id)) return;
      await (line as IncomingLineCall).accept(this.#media());
    } catch (reason) {
      line.hangUp();
      this.#end(call.id, { by: "local", failure: toFailure(reason) });
    }
  }

  /** Ends, cancels or declines, whichever fits the call's phase. */
  hangUp(): void {
    const call = this.state.get().call;
    if (!call) return;
    this.#line?.hangUp();
    this.#end(call.id, { by: "local", failure: null });
  }

  toggleMute(): void {
    const call = this.state.get().call;
    if (!call || call.phase === "incoming") return;
    this.#patch(call.id, { muted: !call.muted });
    this.#applyMicrophone();
  }

  async toggleHold(): Promise<void> {
    const call = this.state.get().call;
    if (call?.phase !== "active" || !this.#line) return;
    if (call.hold === "holding" || call.hold === "resuming") return;
    const hold = call.hold === "none";
    this.#patch(call.id, { hold: hold ? "holding" : "resuming", notice: null });
    try {
      await this.#line.setHold(hold);
      this.#patch(call.id, { hold: hold ? "held" : "none" });
    } catch (reason) {
      this.#patch(call.id, { hold: call.hold, notice: toFailure(reason) });
    }
    this.#applyMicrophone();
  }

  /** Starts or stops our own picture. */
  async toggleCamera(): Promise<void> {
    const call = this.state.get().call;
    if (call?.phase !== "active" || !this.#line) return;
    if (call.camera === "on") await this.#stopCamera(call.id, this.#line);
    if (call.camera === "off") await this.#startCamera(call.id, this.#line);
  }

  async #startCamera(id: number, line: LineCall): Promise<void> {
    this.#patch(id, { camera: "starting", notice: null });
    try {
      const track = await this.#openCamera(id);
      if (!track) return;
      await line.setCamera(track);
      if (this.#camera === track) this.#patch(id, { camera: "on" });
    } catch (reason) {
      this.#closeCamera(id);
      this.#patch(id, { notice: toFailure(reason) });
    }
    this.#applyMicrophone();
  }

  async #stopCamera(id: number, line: LineCall): Promise<void> {
    this.#patch(id, { camera: "stopping", notice: null });
    try {
      await line.setCamera(null);
    } catch (reason) {
      // No picture is sent in any case: the other side has only not been told so.
      this.#patch(id, { notice: toFailure(reason) });
    }
    this.#closeCamera(id);
  }

  /** A call that cannot begin with a picture begins without one. */
  async #openCameraAtFirst(id: number): Promise<void> {
    try {
      const track = await this.#openCamera(id);
      if (track) this.#patch(id, { camera: "on" });
    } catch (reason) {
      this.#patch(id, { notice: toFailure(reason) });
    }
  }

  /** Null when the call ended meanwhile. */
  async #openCamera(id: number): Promise<MediaStreamTrack | null> {
    const track = await this.options.camera.open();
    if (!this.#is(id)) {
      track.stop();
      return null;
    }
    this.#camera = track;
    // The camera was pulled out, or the permission was taken back.
    track.addEventListener("ended", () => {
      if (this.#camera === track && this.state.get().call?.camera === "on") {
        void this.toggleCamera();
      }
    });
    this.#patch(id, { ownVideo: new MediaStream([track]) });
    return track;
  }

  #closeCamera(id: number): void {
    this.#camera?.stop();
    this.#camera = null;
    this.#patch(id, { camera: "off", ownVideo: null });
  }

  /** What a call begins with. */
  #media(): MediaStream {
    const tracks = [
      ...(this.#microphone?.getTracks() ?? []),
      ...(this.#camera ? [this.#camera] : []),
    ];
    return new MediaStream(tracks);
  }

  sendDigit(digit: string): void {
    const call = this.state.get().call;
    const answered = call?.phase === "active" || call?.phase === "ringing";
    if (!call || !answered || !this.#line || !isDtmfKey(digit)) return;
    this.options.tones.key(digit);
    this.#patch(call.id, { digits: call.digits + digit });
    const sender = this.#peer?.getSenders().find(({ dtmf }) => dtmf)?.dtmf;
    if (sender?.canInsertDTMF) {
      // insertDTMF replaces what is still waiting to be sent.
      sender.insertDTMF(sender.toneBuffer + digit, DTMF_DURATION_MS, DTMF_GAP_MS);
    } else {
      this.#line.sendDigitBySignalling(digit, DTMF_DURATION_MS);
    }
  }

  async transfer(input: string): Promise<void> {
    const call = this.state.get().call;
    if (call?.phase !== "active" || !this.#line || pending(call.transfer)) return;
    const number = readNumber(input);
    this.#patch(call.id, {
      transfer: { number: number ?? input, failure: number ? null : failure("bad-number") },
    });
    if (number === null) return;
    try {
      await this.#line.transfer(number);
      this.hangUp();
    } catch (reason) {
      this.#patch(call.id, { transfer: { number, failure: toFailure(reason) } });
    }
  }

  dismissNotice(): void {
    const { call } = this.state.get();
    if (call)
      this.#patch(call.id, {
        notice: null,
        transfer: pending(call.transfer) ? call.transfer : null,
      });
    else this.state.patch({ last: null });
  }

  async #openMicrophone(id: number): Promise<MediaStream> {
    const microphone = await this.options.audio.openMicrophone();
    if (this.#is(id)) return microphone;
    stopTracks(microphone);
    this.options.audio.closeMicrophone();
    throw failure("server");
  }

  async #dial(id: number, number: string): Promise<void> {
    this.#patch(id, { phase: "dialling" });
    const line = await this.connection.ready();
    if (!this.#is(id) || !this.#microphone) return;
    this.#line = line.dial(number, this.#media(), this.#handlers(id));
    this.#applyMicrophone();
  }

  #onIncoming(line: IncomingLineCall): void {
    if (this.state.get().call) {
      line.rejectBusy();
      return;
    }
    const id = this.#begin("incoming", line.number, line.name, "incoming");
    this.#patch(id, { offersVideo: line.offersVideo });
    this.#line = line;
    line.setHandlers(this.#handlers(id));
    this.options.tones.start("ring");
  }

  #handlers(id: number): LineCallHandlers {
    return {
      onRinging: (early) => this.#onRinging(id, early),
      onAnswered: () => this.#onAnswered(id),
      onRemoteHold: (remoteHold) => {
        if (this.state.get().call?.hold === "none") this.#patch(id, { remoteHold });
      },
      onMedia: (peer) => this.#onMedia(id, peer),
      onVideo: (direction) => this.#onVideo(id, direction),
      onEnded: (end) => this.#onEnded(id, end),
    };
  }

  #onRinging(id: number, early: boolean): void {
    const call = this.state.get().call;
    if (call?.id !== id || call.phase === "active") return;
    this.#patch(id, { phase: "ringing" });
    if (early) this.options.tones.stop();
    else if (call.phase !== "ringing") this.options.tones.start("ringback");
  }

  #onAnswered(id: number): void {
    if (!this.#is(id)) return;
    this.options.tones.stop();
    const answeredAt = this.state.get().call?.answeredAt ?? this.options.now();
    this.#patch(id, { phase: "active", answeredAt });
    this.#applyMicrophone();
    this.#keep();
  }

  #keep(): void {
    const { call } = this.state.get();
    const dialog = this.#line?.dialog();
    if (!call || !dialog || call.answeredAt === null) return;
    const { direction, number, name, answeredAt } = call;
    const account = this.#account();
    this.options.kept.keep({ dialog, account, direction, number, name, answeredAt });
  }

  #account(): string {
    return this.connection.state.get().identity?.username ?? "";
  }

  #onMedia(id: number, peer: RTCPeerConnection): void {
    if (!this.#is(id)) return;
    this.#peer = peer;
    const remote = new MediaStream();
    peer.addEventListener("track", ({ track }) => {
      if (track.kind === "video") {
        if (this.#is(id)) this.#remoteVideo.take(track);
        return;
      }
      remote.addTrack(track);
      if (this.#is(id)) this.options.audio.playRemote(remote);
    });
    peer.addEventListener("connectionstatechange", () => {
      if (this.#is(id) && peer === this.#peer) this.#onMediaState(id, peer.connectionState);
    });
  }

  #onVideo(id: number, direction: VideoDirection | null): void {
    if (!this.#is(id)) return;
    this.#remoteVideo.setReceiving(direction === "sendrecv" || direction === "recvonly");
    if (direction === null && this.state.get().call?.camera === "on") {
      this.#closeCamera(id);
      this.#patch(id, { notice: failure("no-video") });
    }
  }

  #onMediaState(id: number, state: RTCPeerConnectionState): void {
    if (state === "connected") {
      clearTimeout(this.#mediaDeadline);
      this.#patch(id, { media: "connected" });
    } else if (state === "disconnected") {
      this.#patch(id, { media: "interrupted" });
    } else if (state === "failed") {
      this.#patch(id, { media: "interrupted" });
      this.#refresh(true);
      clearTimeout(this.#mediaDeadline);
      this.#mediaDeadline = setTimeout(() => this.#giveUpMedia(id), MEDIA_RESTART_TIMEOUT_MS);
    }
  }

  #giveUpMedia(id: number): void {
    if (!this.#is(id)) return;
    this.#line?.hangUp();
    const kind = this.#signals() ? "no-media" : "call-lost";
    this.#end(id, { by: "local", failure: failure(kind) });
  }

  #onEnded(id: number, end: LineCallEnd): void {
    const call = this.state.get().call;
    if (call?.id !== id) return;
    const refused = end.failure?.kind === "unauthorised" && call.phase === "dialling";
    if (refused && !this.#retried && call.direction === "outgoing") {
      this.#retried = true;
      this.connection.forgetCredentials();
      this.#line = null;
      this.#peer = null;
      void this.#redial(id, call.number);
    } else {
      this.#end(id, end);
    }
  }

  /** The server may have forgotten a guest's credentials; fresh ones are worth one more try. */
  async #redial(id: number, number: string): Promise<void> {
    try {
      stopTracks(this.#microphone);
      this.options.audio.closeMicrophone();
      this.#microphone = null;
      const withCamera = this.#camera !== null;
      this.#closeCamera(id);
      this.#microphone = await this.#openMicrophone(id);
      if (withCamera) await this.#openCameraAtFirst(id);
      await this.#dial(id, number);
    } catch (reason) {
      this.#end(id, { by: "local", failure: toFailure(reason) });
    }
  }

  #onConnectionLost(): void {
    const call = this.state.get().call;
    if (!call || call.phase === "active" || call.phase === "microphone" || !this.#line) return;
    this.#line.hangUp();
    this.#end(call.id, { by: "remote", failure: failure("disconnected") });
  }

  /** Sends a re-INVITE, after which the other side knows our present address. */
  #refresh(restartIce: boolean): void {
    const call = this.state.get().call;
    if (call?.phase !== "active" || !this.#line || !this.#signals()) return;
    this.#line.refresh(restartIce).catch((reason: unknown) => {
      // Without signalling there is nobody who refused; it is tried again when that is back.
      if (this.#signals()) this.#patch(call.id, { notice: toFailure(reason) });
    });
  }

  #signals(): boolean {
    return this.connection.state.get().phase === "connected";
  }

  async #replaceTrack(track: MediaStreamTrack): Promise<void> {
    const sender = this.#peer?.getSenders().find((one) => one.track?.kind === "audio");
    if (!sender) return track.stop();
    const old = sender.track;
    await sender.replaceTrack(track);
    old?.stop();
    this.#applyMicrophone();
  }

  /** A muted call and a call on hold send silence; a call on hold sends no picture either. */
  #applyMicrophone(): void {
    const call = this.state.get().call;
    if (!call) return;
    const enabled = !call.muted && call.hold === "none";
    const sent = this.#peer?.getSenders().map((sender) => sender.track) ?? [];
    for (const track of [...(this.#microphone?.getAudioTracks() ?? []), ...sent]) {
      if (track?.kind === "audio") track.enabled = enabled;
    }
    if (this.#camera) this.#camera.enabled = call.hold === "none";
    this.options.audio.setRemoteMuted(call.hold !== "none");
  }

  #begin(
    direction: Call["direction"],
    number: string,
    name: string | null,
    phase: CallPhase,
  ): number {
    this.#callCount += 1;
    const call: Call = {
      id: this.#callCount,
      direction,
      number,
      name,
      phase,
      answeredAt: null,
      muted: false,
      hold: "none",
      remoteHold: false,
      camera: "off",
      ownVideo: null,
      remoteVideo: null,
      offersVideo: false,
      media: "connecting",
      digits: "",
      transfer: null,
      notice: null,
    };
    this.state.set({ call, last: null });
    return call.id;
  }

  #end(id: number, end: LineCallEnd): void {
    const call = this.state.get().call;
    if (call?.id !== id) return;
    clearTimeout(this.#mediaDeadline);
    this.options.kept.forget();
    this.options.tones.stop();
    if (end.failure?.kind === "busy") this.options.tones.start("busy");
    this.options.audio.stopRemote();
    if (this.#microphone) {
      stopTracks(this.#microphone);
      this.options.audio.closeMicrophone();
    }
    this.#camera?.stop();
    this.#camera = null;
    this.#remoteVideo.forget();
    this.#microphone = null;
    this.#line = null;
    this.#peer = null;
    this.state.set({ call: null, last: ended(call, end, this.options.now()) });
  }

  #is(id: number): boolean {
    return this.state.get().call?.id === id;
  }

  #patch(id: number, part: Partial<Call>): void {
    const call = this.state.get().call;
    if (call?.id === id) this.state.patch({ call: { ...call, ...part } });
  }
}

function ended(call: Call, end: LineCallEnd, now: number): EndedCall {
  const { id, direction, number, name, answeredAt } = call;
  return {
    id,
    direction,
    number,
    name,
    outcome: outcome(call, end),
    by: end.by,
    seconds: answeredAt === null ? null : Math.max(0, Math.round((now - answeredAt) / 1000)),
    failure: pending(call.transfer) ? null : end.failure,
  };
}

function outcome(call: Call, end: LineCallEnd): EndedCall["outcome"] {
  if (pending(call.transfer)) return "transferred";
  if (end.failure) return "failed";
  if (call.answeredAt !== null) return "ended";
  if (end.elsewhere) return "elsewhere";
  if (call.direction === "incoming") return end.by === "remote" ? "missed" : "declined";
  return end.by === "local" ? "cancelled" : "ended";
}

function pending(transfer: Call["transfer"]): boolean {
  return transfer !== null && transfer.failure === null;
}

function toFailure(reason: unknown): Failure {
  if (isFailure(reason)) return reason;
  return failure("server", reason instanceof Error ? reason.message : null);
}

function stopTracks(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
