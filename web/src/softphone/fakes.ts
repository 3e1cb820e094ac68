import type { CallAudio } from "./audio-devices.ts";
import type { CallCamera } from "./camera.ts";
import type { Credentials } from "./credentials.ts";
import type { Failure } from "./failure.ts";
import { type DialogId, KeptCalls } from "./kept-call.ts";
import type {
  IncomingLineCall,
  Line,
  LineCall,
  LineCallEnd,
  LineCallHandlers,
  LineHandlers,
  QueueOffer,
} from "./line.ts";
import type { CallbackRefusal } from "./progress.ts";
import { Softphone } from "./softphone.ts";

/** Test doubles of what lies beyond the softphone: a line, its calls, the sound hardware. */

export class FakeTrack extends EventTarget {
  enabled = true;
  stopped = false;
  muted = false;
  readyState = "live";
  constructor(readonly kind: "audio" | "video" = "audio") {
    super();
  }
  stop(): void {
    this.stopped = true;
  }
  clone(): FakeTrack {
    return new FakeTrack(this.kind);
  }
}

export class FakeStream {
  readonly tracks: FakeTrack[];
  constructor(tracks: FakeTrack[] = [new FakeTrack()]) {
    this.tracks = tracks;
  }
  getTracks(): FakeTrack[] {
    return this.tracks;
  }
  getAudioTracks(): FakeTrack[] {
    return this.tracks.filter(({ kind }) => kind === "audio");
  }
  addTrack(track: FakeTrack): void {
    this.tracks.push(track);
  }
}

export class FakeAudio implements CallAudio {
  openCount = 0;
  failure: Failure | null = null;
  remoteMuted = false;
  readonly streams: FakeStream[] = [];
  #replaced: ((track: MediaStreamTrack) => void) | null = null;

  async openMicrophone(): Promise<MediaStream> {
    await Promise.resolve();
    if (this.failure) throw this.failure;
    this.openCount += 1;
    const stream = new FakeStream();
    this.streams.push(stream);
    return stream as unknown as MediaStream;
  }
  closeMicrophone(): void {
    this.openCount -= 1;
  }
  playing: FakeStream | null = null;
  playRemote(stream: MediaStream): void {
    this.playing = stream as unknown as FakeStream;
  }
  stopRemote(): void {
    this.playing = null;
  }
  setRemoteMuted(muted: boolean): void {
    this.remoteMuted = muted;
  }
  onTrackReplaced(listener: (track: MediaStreamTrack) => void): () => void {
    this.#replaced = listener;
    return () => undefined;
  }
  replace(track: FakeTrack): void {
    this.#replaced?.(track as unknown as MediaStreamTrack);
  }
}

export class FakeCamera implements CallCamera {
  failure: Failure | null = null;
  readonly tracks: FakeTrack[] = [];

  async open(): Promise<MediaStreamTrack> {
    await Promise.resolve();
    if (this.failure) throw this.failure;
    const track = new FakeTrack("video");
    this.tracks.push(track);
    return track as unknown as MediaStreamTrack;
  }
}

export class FakePeer extends EventTarget {
  connectionState: RTCPeerConnectionState = "new";
  sent = "";
  canInsertDTMF = true;
  readonly sender = {
    track: new FakeTrack() as FakeTrack | null,
    dtmf: {
      toneBuffer: "",
      canInsertDTMF: true,
      insertDTMF: (tones: string) => {
        this.sender.dtmf.toneBuffer = tones;
      },
    },
    replaceTrack: (track: FakeTrack) => {
      this.sender.track = track;
      return Promise.resolve();
    },
  };
  getSenders() {
    return [this.sender];
  }
  receive(track: FakeTrack): void {
    this.dispatchEvent(Object.assign(new Event("track"), { track }));
  }
  become(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }
}

export class FakeCall implements IncomingLineCall {
  readonly number: string = "1001";
  readonly name: string | null = "Ada";
  callRef: string | null = null;
  queue: QueueOffer | null = null;
  autoAnswer = false;
  readonly peer = new FakePeer();
  handlers: LineCallHandlers | null = null;
  done: string[] = [];
  holdAnswer: Promise<void> = Promise.resolve();
  transferAnswer: Promise<void> = Promise.resolve();
  cameraAnswer: Promise<void> = Promise.resolve();
  offersVideo = false;
  /** The kinds of the tracks with which the call began. */
  begunWith: string[] = [];

  constructor(of: { number?: string; name?: string | null } = {}) {
    if (of.number !== undefined) this.number = of.number;
    if (of.name !== undefined) this.name = of.name;
  }
  setHandlers(handlers: LineCallHandlers): void {
    this.handlers = handlers;
  }
  async accept(media: MediaStream): Promise<void> {
    this.begunWith = media.getTracks().map(({ kind }) => kind);
    this.done.push("accept");
    this.answer();
  }
  rejectBusy(): void {
    this.done.push("rejectBusy");
  }
  dialog(): DialogId | null {
    return { callId: "call", localTag: "ours", remoteTag: "theirs" };
  }
  hangUp(): void {
    this.done.push("hangUp");
  }
  setHold(held: boolean): Promise<void> {
    this.done.push(held ? "hold" : "resume");
    return this.holdAnswer;
  }
  setCamera(track: MediaStreamTrack | null): Promise<void> {
    this.done.push(track ? "camera on" : "camera off");
    return this.cameraAnswer;
  }
  sendDigitBySignalling(digit: string): void {
    this.done.push(`info ${digit}`);
  }
  callbackAnswer: CallbackRefusal | null = null;
  requestCallback(number: string): Promise<CallbackRefusal | null> {
    this.done.push(`callback ${number}`);
    return Promise.resolve(this.callbackAnswer);
  }
  transfer(number: string): Promise<void> {
    this.done.push(`transfer ${number}`);
    return this.transferAnswer;
  }
  transferTo(other: LineCall): Promise<void> {
    this.done.push(`transfer to ${(other as FakeCall).number}`);
    return this.transferAnswer;
  }
  async refresh(restartIce: boolean): Promise<void> {
    this.done.push(restartIce ? "refresh with ice" : "refresh");
  }

  answer(): void {
    this.handlers?.onMedia(this.peer as unknown as RTCPeerConnection);
    this.handlers?.onAnswered();
  }
  end(end: Partial<LineCallEnd> = {}): void {
    this.handlers?.onEnded({ by: "remote", failure: null, ...end });
  }
}

export class FakeLine implements Line {
  connectAnswer: () => Promise<void> = () => Promise.resolve();
  connects = 0;
  timeoutMs = 0;
  probes = 0;
  registers = 0;
  closed = false;
  readonly calls: FakeCall[] = [];
  readonly dialled: string[] = [];

  constructor(
    readonly credentials: Credentials,
    readonly handlers: LineHandlers,
  ) {}

  connect(timeoutMs: number): Promise<void> {
    this.connects += 1;
    this.timeoutMs = timeoutMs;
    return this.connectAnswer();
  }
  probe(): void {
    this.probes += 1;
  }
  register(): void {
    this.registers += 1;
  }
  dial(number: string, media: MediaStream, handlers: LineCallHandlers): LineCall {
    const call = new FakeCall({ number });
    call.begunWith = media.getTracks().map(({ kind }) => kind);
    call.setHandlers(handlers);
    this.dialled.push(number);
    this.calls.push(call);
    return call;
  }
  comeBack(
    dialog: DialogId,
    number: string,
    media: MediaStream,
    handlers: LineCallHandlers,
  ): LineCall {
    return this.dial(`${number} replaces ${dialog.callId}`, media, handlers);
  }
  close(): void {
    this.closed = true;
  }
}

export function testCredentials(expiresAt: Date | null = null): Credentials {
  return {
    username: "guest",
    password: "x",
    domain: "offhook.local",
    wsUrl: "ws://localhost/ws",
    expiresAt,
    displayName: null,
    allowed: null,
  };
}

/** A softphone with everything around it faked and a clock that tests set. */
export function testBench({ register = false, callsMax = 1 } = {}) {
  globalThis.MediaStream = FakeStream as unknown as typeof MediaStream;
  const bench = {
    audio: new FakeAudio(),
    camera: new FakeCamera(),
    lines: [] as FakeLine[],
    tones: [] as string[],
    nowMs: 1_000_000,
    stored: new Map<string, string>(),
    fetches: 0,
    credentials: () => Promise.resolve(testCredentials()),
    prepareLine: (_line: FakeLine) => {},
  };
  const storage = {
    getItem: (key: string) => bench.stored.get(key) ?? null,
    setItem: (key: string, value: string) => void bench.stored.set(key, value),
    removeItem: (key: string) => void bench.stored.delete(key),
  };
  const softphone = new Softphone({
    kept: new KeptCalls(storage, () => bench.nowMs),
    register,
    callsMax,
    credentials: () => {
      bench.fetches += 1;
      return bench.credentials();
    },
    createLine: (credentials, handlers) => {
      const line = new FakeLine(credentials, handlers);
      bench.prepareLine(line);
      bench.lines.push(line);
      return line;
    },
    audio: bench.audio,
    camera: bench.camera,
    tones: {
      start: (tone) => bench.tones.push(tone),
      stop: () => bench.tones.push("stop"),
      key: (digit) => bench.tones.push(`key ${digit}`),
    },
    now: () => bench.nowMs,
    random: () => 1,
  });
  return Object.assign(bench, { softphone });
}
