import type { CallAudio } from "./audio-devices.ts";
import type { Credentials } from "./credentials.ts";
import type { Failure } from "./failure.ts";
import type {
  IncomingLineCall,
  Line,
  LineCall,
  LineCallEnd,
  LineCallHandlers,
  LineHandlers,
} from "./line.ts";
import { Softphone } from "./softphone.ts";

/** Test doubles of what lies beyond the softphone: a line, its calls, the sound hardware. */

export class FakeTrack {
  readonly kind = "audio";
  enabled = true;
  stopped = false;
  stop(): void {
    this.stopped = true;
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
    return this.tracks;
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
  playRemote(): void {}
  stopRemote(): void {}
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
  become(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }
}

export class FakeCall implements IncomingLineCall {
  readonly number = "1001";
  readonly name = "Ada";
  readonly peer = new FakePeer();
  handlers: LineCallHandlers | null = null;
  done: string[] = [];
  holdAnswer: Promise<void> = Promise.resolve();
  transferAnswer: Promise<void> = Promise.resolve();

  setHandlers(handlers: LineCallHandlers): void {
    this.handlers = handlers;
  }
  async accept(): Promise<void> {
    this.done.push("accept");
    this.answer();
  }
  rejectBusy(): void {
    this.done.push("rejectBusy");
  }
  hangUp(): void {
    this.done.push("hangUp");
  }
  setHold(held: boolean): Promise<void> {
    this.done.push(held ? "hold" : "resume");
    return this.holdAnswer;
  }
  sendDigitBySignalling(digit: string): void {
    this.done.push(`info ${digit}`);
  }
  transfer(number: string): Promise<void> {
    this.done.push(`transfer ${number}`);
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
  registers = 0;
  closed = false;
  readonly calls: FakeCall[] = [];
  readonly dialled: string[] = [];

  constructor(
    readonly credentials: Credentials,
    readonly handlers: LineHandlers,
  ) {}

  connect(): Promise<void> {
    this.connects += 1;
    return this.connectAnswer();
  }
  register(): void {
    this.registers += 1;
  }
  dial(number: string, _microphone: MediaStream, handlers: LineCallHandlers): LineCall {
    const call = new FakeCall();
    call.setHandlers(handlers);
    this.dialled.push(number);
    this.calls.push(call);
    return call;
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
export function testBench({ register = false } = {}) {
  globalThis.MediaStream = FakeStream as unknown as typeof MediaStream;
  const bench = {
    audio: new FakeAudio(),
    lines: [] as FakeLine[],
    tones: [] as string[],
    nowMs: 1_000_000,
    fetches: 0,
    credentials: () => Promise.resolve(testCredentials()),
    prepareLine: (_line: FakeLine) => {},
  };
  const softphone = new Softphone({
    register,
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
