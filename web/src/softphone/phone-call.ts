import type { CallAudio } from "./audio-devices.ts";
import { type Call, type EndedCall, endedCall, isTransferring } from "./call.ts";
import type { CallTone, Tones } from "./call-tones.ts";
import type { CallCamera } from "./camera.ts";
import { type Connection, isFailure } from "./connection.ts";
import { type Failure, failure } from "./failure.ts";
import type { KeptCall } from "./kept-call.ts";
import type {
  IncomingLineCall,
  LineCall,
  LineCallEnd,
  LineCallHandlers,
  VideoDirection,
} from "./line.ts";
import { isDtmfKey, readNumber } from "./number.ts";
import type { CallbackRefusal, Progress } from "./progress.ts";
import { RemoteVideo } from "./remote-video.ts";

/** What a call needs of the telephone to which it belongs. */
export interface PhoneCallHost {
  readonly connection: Connection;
  readonly audio: CallAudio;
  readonly camera: CallCamera;
  readonly tones: Tones;
  now(): number;
  /** The call's state is another one. */
  onChanged(): void;
  /** Sound of the other side began to come. */
  onRemoteSound(call: PhoneCall): void;
  onAnswered(call: PhoneCall): void;
  onEnded(call: PhoneCall, ended: EndedCall): void;
}

const DTMF_DURATION_MS = 120;
const DTMF_GAP_MS = 70;
/** An interrupted media path that does not come back within this ends the call, while there is signalling. */
export const MEDIA_RESTART_TIMEOUT_MS = 15_000;
/** Without signalling the call waits for the network for as long as the server does, and a little longer. */
export const NETWORK_RETURN_TIMEOUT_MS = 45_000;

/** One call of this browser: its line, its microphone and its picture. */
export class PhoneCall {
  #state: Call;
  #over = false;
  #line: LineCall | null = null;
  #microphone: MediaStream | null = null;
  #peer: RTCPeerConnection | null = null;
  #camera: MediaStreamTrack | null = null;
  #remote: MediaStream | null = null;
  readonly #remoteVideo: RemoteVideo;
  #mediaDeadline: ReturnType<typeof setTimeout> | undefined;
  /** Whether the other side sends the sound of its ringing itself. */
  #early = false;
  /** Whether the call was already tried again with fresh credentials. */
  #retried = false;

  constructor(
    private readonly host: PhoneCallHost,
    state: Call,
  ) {
    this.#state = state;
    this.#remoteVideo = new RemoteVideo((remoteVideo) => this.patch({ remoteVideo }));
  }

  get state(): Call {
    return this.#state;
  }

  /** The sound of the other side, once some comes. */
  get remote(): MediaStream | null {
    return this.#remote;
  }

  /** Whether signalling knows of the call. */
  get hasLine(): boolean {
    return this.#line !== null;
  }

  /** What the telephone sounds for this call by itself. */
  get tone(): CallTone | null {
    if (this.#state.phase === "incoming") return "ring";
    return this.#state.phase === "ringing" && !this.#early ? "ringback" : null;
  }

  /** The peer connection, for measurements. */
  peerConnection(): RTCPeerConnection | null {
    return this.#peer;
  }

  patch(part: Partial<Call>): void {
    if (this.#over) return;
    this.#state = { ...this.#state, ...part };
    this.host.onChanged();
  }

  /** Ends a call that was never dialled. */
  fail(reason: Failure): void {
    this.#end({ by: "local", failure: reason });
  }

  /** Dials, with the camera if that is wanted and can be had. */
  async dial(withCamera: boolean): Promise<void> {
    try {
      this.#microphone = await this.#openMicrophone();
      if (withCamera) await this.#openCameraAtFirst();
      await this.#invite();
    } catch (reason) {
      this.#end({ by: "local", failure: toFailure(reason) });
    }
  }

  /** Goes on with a call that an earlier page had. */
  async comeBack(kept: KeptCall): Promise<void> {
    this.#retried = true;
    try {
      this.#microphone = await this.#openMicrophone();
      this.patch({ phase: "dialling" });
      const line = await this.host.connection.ready();
      if (this.#over) return;
      if (this.#account() !== kept.account) throw failure("call-lost");
      // The dialog says which call it is; the number only has to be one that may be dialled.
      const number = kept.direction === "outgoing" ? kept.number : kept.account;
      this.#line = line.comeBack(kept.dialog, number, this.#media(), this.#handlers());
      this.#applyMicrophone();
    } catch (reason) {
      this.#end({ by: "local", failure: toFailure(reason) });
    }
  }

  /** What a later page needs to go on with the call; null before it is answered. */
  kept(): KeptCall | null {
    const dialog = this.#line?.dialog();
    const { phase, direction, number, name, answeredAt } = this.#state;
    if (!dialog || phase !== "active" || answeredAt === null) return null;
    return { dialog, account: this.#account(), direction, number, name, answeredAt };
  }

  #account(): string {
    return this.host.connection.state.get().identity?.username ?? "";
  }

  /** Takes what rings at the line. */
  receive(line: IncomingLineCall): void {
    this.#line = line;
    line.setHandlers(this.#handlers());
  }

  /** Answers, with the camera if that is wanted and can be had. */
  async accept(withCamera: boolean): Promise<void> {
    const line = this.#line;
    if (this.#state.phase !== "incoming" || !line) return;
    this.patch({ phase: "answering" });
    try {
      this.#microphone = await this.#openMicrophone();
      if (withCamera) await this.#openCameraAtFirst();
      if (this.#over) return;
      await (line as IncomingLineCall).accept(this.#media());
    } catch (reason) {
      line.hangUp();
      this.#end({ by: "local", failure: toFailure(reason) });
    }
  }

  /** Ends, cancels or declines, whichever fits the call's phase. */
  hangUp(): void {
    this.#line?.hangUp();
    this.#end({ by: "local", failure: null });
  }

  toggleMute(): void {
    if (this.#state.phase === "incoming") return;
    this.patch({ muted: !this.#state.muted });
    this.#applyMicrophone();
  }

  /** Puts the other side on hold, or takes it back; tells whether it is so at the end. */
  async setHold(held: boolean): Promise<boolean> {
    const before = this.#state.hold;
    if (this.#state.phase !== "active" || !this.#line) return false;
    if (before === "holding" || before === "resuming") return false;
    if ((before === "held") === held) return true;
    this.patch({ hold: held ? "holding" : "resuming", notice: null });
    try {
      await this.#line.setHold(held);
      this.patch(held ? { hold: "held", heldAt: this.host.now() } : { hold: "none", heldAt: null });
    } catch (reason) {
      this.patch({ hold: before, notice: toFailure(reason) });
    }
    this.#applyMicrophone();
    return !this.#over && (this.#state.hold === "held") === held;
  }

  /** Starts or stops our own picture. */
  async toggleCamera(): Promise<void> {
    if (this.#state.phase !== "active" || !this.#line) return;
    if (this.#state.camera === "on") await this.#stopCamera(this.#line);
    else if (this.#state.camera === "off") await this.#startCamera(this.#line);
  }

  sendDigit(digit: string): void {
    const { phase, digits } = this.#state;
    const answered = phase === "active" || phase === "ringing";
    if (!answered || !this.#line || !isDtmfKey(digit)) return;
    this.host.tones.key(digit);
    this.patch({ digits: digits + digit });
    const sender = this.#peer?.getSenders().find(({ dtmf }) => dtmf)?.dtmf;
    if (sender?.canInsertDTMF) {
      // insertDTMF replaces what is still waiting to be sent.
      sender.insertDTMF(sender.toneBuffer + digit, DTMF_DURATION_MS, DTMF_GAP_MS);
    } else {
      this.#line.sendDigitBySignalling(digit, DTMF_DURATION_MS);
    }
  }

  /** Asks to be called back at this number; null when that was taken. */
  async requestCallback(input: string): Promise<CallbackRefusal | null> {
    const number = readNumber(input);
    if (number === null) return "not_callable";
    return (await this.#line?.requestCallback(number)) ?? null;
  }

  /** Sends the other side to a number, and leaves. */
  async transfer(input: string): Promise<void> {
    const line = this.#line;
    if (this.#state.phase !== "active" || !line || isTransferring(this.#state)) return;
    const number = readNumber(input);
    if (number === null) {
      this.patch({ transfer: { number: input, failure: failure("bad-number") } });
      return;
    }
    await this.#handOver(number, () => line.transfer(number));
  }

  /** Sends the other side to who was consulted; tells whether that is done. */
  async transferTo(consulted: PhoneCall): Promise<boolean> {
    const line = this.#line;
    const target = consulted.#line;
    const active = this.#state.phase === "active" && consulted.state.phase === "active";
    if (!active || !line || !target || isTransferring(this.#state)) return false;
    return this.#handOver(consulted.state.number, () => line.transferTo(target));
  }

  async #handOver(number: string, refer: () => Promise<void>): Promise<boolean> {
    this.patch({ transfer: { number, failure: null } });
    try {
      await refer();
      this.hangUp();
      return true;
    } catch (reason) {
      // The other side may have been taken away before the server could say that all went well.
      if (this.#over) return true;
      this.patch({ transfer: { number, failure: toFailure(reason) } });
      return false;
    }
  }

  dismissNotice(): void {
    this.patch({
      notice: null,
      transfer: isTransferring(this.#state) ? this.#state.transfer : null,
    });
  }

  /** The socket is gone: a call that is not established cannot complete. */
  onConnectionLost(): void {
    const { phase } = this.#state;
    if (phase === "active" || phase === "microphone" || !this.#line) return;
    this.#line.hangUp();
    this.#end({ by: "remote", failure: failure("disconnected") });
  }

  onConnectionRestored(): void {
    const { media } = this.#state;
    this.#refresh(media === "interrupted");
    if (media === "interrupted") this.#awaitMedia();
  }

  /** Sends what another microphone hears; tells whether it is of use here. */
  async replaceTrack(track: MediaStreamTrack): Promise<boolean> {
    const sender = this.#peer?.getSenders().find((one) => one.track?.kind === "audio");
    if (!sender) return false;
    const old = sender.track;
    await sender.replaceTrack(track);
    old?.stop();
    this.#applyMicrophone();
    return true;
  }

  async #startCamera(line: LineCall): Promise<void> {
    this.patch({ camera: "starting", notice: null });
    try {
      const track = await this.#openCamera();
      if (!track) return;
      await line.setCamera(track);
      if (this.#camera === track) this.patch({ camera: "on" });
    } catch (reason) {
      this.#closeCamera();
      this.patch({ notice: toFailure(reason) });
    }
    this.#applyMicrophone();
  }

  async #stopCamera(line: LineCall): Promise<void> {
    this.patch({ camera: "stopping", notice: null });
    try {
      await line.setCamera(null);
    } catch (reason) {
      // No picture is sent in any case: the other side has only not been told so.
      this.patch({ notice: toFailure(reason) });
    }
    this.#closeCamera();
  }

  /** A call that cannot begin with a picture begins without one. */
  async #openCameraAtFirst(): Promise<void> {
    try {
      const track = await this.#openCamera();
      if (track) this.patch({ camera: "on" });
    } catch (reason) {
      this.patch({ notice: toFailure(reason) });
    }
  }

  /** Null when the call ended meanwhile. */
  async #openCamera(): Promise<MediaStreamTrack | null> {
    const track = await this.host.camera.open();
    if (this.#over) {
      track.stop();
      return null;
    }
    this.#camera = track;
    // The camera was pulled out, or the permission was taken back.
    track.addEventListener("ended", () => {
      if (this.#camera === track && this.#state.camera === "on") void this.toggleCamera();
    });
    this.patch({ ownVideo: new MediaStream([track]) });
    return track;
  }

  #closeCamera(): void {
    this.#camera?.stop();
    this.#camera = null;
    this.patch({ camera: "off", ownVideo: null });
  }

  /** What a call begins with. */
  #media(): MediaStream {
    const tracks = [
      ...(this.#microphone?.getTracks() ?? []),
      ...(this.#camera ? [this.#camera] : []),
    ];
    return new MediaStream(tracks);
  }

  async #openMicrophone(): Promise<MediaStream> {
    const microphone = await this.host.audio.openMicrophone();
    if (!this.#over) return microphone;
    stopTracks(microphone);
    this.host.audio.closeMicrophone();
    throw failure("server");
  }

  #closeMicrophone(): void {
    if (!this.#microphone) return;
    stopTracks(this.#microphone);
    this.host.audio.closeMicrophone();
    this.#microphone = null;
  }

  async #invite(): Promise<void> {
    this.patch({ phase: "dialling" });
    const line = await this.host.connection.ready();
    if (this.#over || !this.#microphone) return;
    this.#line = line.dial(this.#state.number, this.#media(), this.#handlers());
    this.#applyMicrophone();
  }

  #handlers(): LineCallHandlers {
    return {
      onNamed: (callRef) => this.patch({ callRef }),
      onProgress: (progress) => this.#onProgress(progress),
      onRinging: (early) => this.#onRinging(early),
      onAnswered: () => this.#onAnswered(),
      onRemoteHold: (remoteHold) => {
        if (this.#state.hold === "none") this.patch({ remoteHold });
      },
      onMedia: (peer) => this.#onMedia(peer),
      onVideo: (direction) => this.#onVideo(direction),
      onEnded: (end) => this.#onEnded(end),
    };
  }

  /** Who will be called back is told no more of the call that is left. */
  #onProgress(progress: Progress): void {
    if (this.#state.progress?.state === "callback_taken") return;
    const isAgent = progress.state === "talking" && progress.isAgent;
    const agent = isAgent ? (progress.name ?? progress.with) : this.#state.agent;
    this.patch({ progress, agent });
  }

  #onRinging(early: boolean): void {
    if (this.#state.phase === "active") return;
    this.#early ||= early;
    this.patch({ phase: "ringing" });
  }

  #onAnswered(): void {
    const answeredAt = this.#state.answeredAt ?? this.host.now();
    this.patch({ phase: "active", answeredAt });
    this.#applyMicrophone();
    if (!this.#over) this.host.onAnswered(this);
  }

  #onMedia(peer: RTCPeerConnection): void {
    if (this.#over) return;
    this.#peer = peer;
    const remote = new MediaStream();
    peer.addEventListener("track", ({ track }) => {
      if (this.#over) return;
      if (track.kind === "video") {
        this.#remoteVideo.take(track);
        return;
      }
      remote.addTrack(track);
      this.#remote = remote;
      this.host.onRemoteSound(this);
    });
    peer.addEventListener("connectionstatechange", () => {
      if (!this.#over && peer === this.#peer) this.#onMediaState(peer.connectionState);
    });
  }

  #onVideo(direction: VideoDirection | null): void {
    if (this.#over) return;
    this.#remoteVideo.setReceiving(direction === "sendrecv" || direction === "recvonly");
    if (direction === null && this.#state.camera === "on") {
      this.#closeCamera();
      this.patch({ notice: failure("no-video") });
    }
  }

  #onMediaState(state: RTCPeerConnectionState): void {
    if (state === "connected") {
      clearTimeout(this.#mediaDeadline);
      this.patch({ media: "connected" });
    } else if (state === "disconnected") {
      this.patch({ media: "interrupted" });
      // It may be the network, in which the socket is dead as well.
      this.host.connection.probe();
    } else if (state === "failed") {
      this.patch({ media: "interrupted" });
      this.#refresh(true);
      this.#awaitMedia();
    }
  }

  /** Media that is interrupted is waited for, from now on, and not for ever. */
  #awaitMedia(): void {
    clearTimeout(this.#mediaDeadline);
    const waitMs = this.#signals() ? MEDIA_RESTART_TIMEOUT_MS : NETWORK_RETURN_TIMEOUT_MS;
    this.#mediaDeadline = setTimeout(() => this.#giveUpMedia(), waitMs);
  }

  #giveUpMedia(): void {
    if (this.#over) return;
    this.#line?.hangUp();
    const kind = this.#signals() ? "no-media" : "call-lost";
    this.#end({ by: "local", failure: failure(kind) });
  }

  #onEnded(end: LineCallEnd): void {
    if (this.#over) return;
    const { phase, direction } = this.#state;
    const refused = end.failure?.kind === "unauthorised" && phase === "dialling";
    if (!refused || this.#retried || direction !== "outgoing") {
      this.#end(end);
      return;
    }
    this.#retried = true;
    this.host.connection.forgetCredentials();
    this.#line = null;
    this.#peer = null;
    void this.#redial();
  }

  /** The server may have forgotten a guest's credentials; fresh ones are worth one more try. */
  async #redial(): Promise<void> {
    this.#closeMicrophone();
    const withCamera = this.#camera !== null;
    this.#closeCamera();
    await this.dial(withCamera);
  }

  /** Sends a re-INVITE, after which the other side knows our present address. */
  #refresh(restartIce: boolean): void {
    if (this.#state.phase !== "active" || !this.#line || !this.#signals()) return;
    this.#line.refresh(restartIce).catch((reason: unknown) => {
      // Without signalling there is nobody who refused; it is tried again when that is back.
      if (this.#signals()) this.patch({ notice: toFailure(reason) });
    });
  }

  #signals(): boolean {
    return this.host.connection.state.get().phase === "connected";
  }

  /** A muted call and a call on hold send silence; a call on hold sends no picture either. */
  #applyMicrophone(): void {
    if (this.#over) return;
    const { muted, hold } = this.#state;
    const enabled = !muted && hold === "none";
    const sent = this.#peer?.getSenders().map((sender) => sender.track) ?? [];
    for (const track of [...(this.#microphone?.getAudioTracks() ?? []), ...sent]) {
      if (track?.kind === "audio") track.enabled = enabled;
    }
    if (this.#camera) this.#camera.enabled = hold === "none";
  }

  #end(end: LineCallEnd): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#mediaDeadline);
    this.#closeMicrophone();
    this.#camera?.stop();
    this.#camera = null;
    this.#remoteVideo.forget();
    this.#line = null;
    this.#peer = null;
    this.host.onEnded(this, endedCall(this.#state, end, this.host.now()));
  }
}

function toFailure(reason: unknown): Failure {
  if (isFailure(reason)) return reason;
  return failure("server", reason instanceof Error ? reason.message : null);
}

function stopTracks(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
