import type { CallAudio } from "./audio-devices.ts";
import { type Call, type EndedCall, isTalking, newCall } from "./call.ts";
import type { CallTone, Tones } from "./call-tones.ts";
import type { CallCamera } from "./camera.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { failure } from "./failure.ts";
import type { KeptCall, KeptCalls } from "./kept-call.ts";
import type { IncomingLineCall } from "./line.ts";
import { readNumber } from "./number.ts";
import { PhoneCall, type PhoneCallHost } from "./phone-call.ts";
import type { CallbackRefusal } from "./progress.ts";
import { Store } from "./store.ts";

/** Calls at a time in a telephone that has several; a further caller finds it busy. */
export const CALLS_MAX = 6;

export interface PhoneState {
  /** All calls, the oldest first. */
  calls: readonly Call[];
  /** The one that is shown, heard and acted on unless another is named. */
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
  /** Calls at a time; 1 makes a telephone that is busy during its call. */
  callsMax: number;
};

/** The calls of this browser, their connection, and what can be done with them. */
export class Softphone {
  readonly connection: Connection;
  readonly state = new Store<PhoneState>({ calls: [], call: null, last: null });
  readonly #host: PhoneCallHost;
  #calls: PhoneCall[] = [];
  #current: PhoneCall | null = null;
  #last: EndedCall | null = null;
  #callCount = 0;
  #tone: CallTone | null = null;
  #playing: PhoneCall | null = null;
  /** The call that a page which takes this one's place goes on with. */
  #kept: PhoneCall | null = null;

  constructor(private readonly options: SoftphoneOptions) {
    this.connection = new Connection({
      ...options,
      busy: () => this.#calls.some((call) => call.hasLine),
      onIncoming: (line) => this.#onIncoming(line),
      onLost: () => this.#each((call) => call.onConnectionLost()),
      onRestored: () => this.#each((call) => call.onConnectionRestored()),
    });
    this.#host = this.#hostOfCalls();
    options.audio.onTrackReplaced((track) => void this.#replaceTrack(track));
  }

  /** Connects, and goes on with the call that this page had before it was loaded anew. */
  start(): void {
    this.connection.start();
    void this.options.kept.take().then((kept) => {
      if (kept && this.#calls.length === 0) this.#comeBack(kept);
    });
  }

  #comeBack(kept: KeptCall): void {
    const { direction, number, name, answeredAt } = kept;
    this.options.kept.keep(kept);
    const call = this.#begin({ direction, number, name, answeredAt, phase: "microphone" });
    this.#kept = call;
    void call.comeBack(kept);
  }

  /** The page goes away: one call that was answered is kept for the next page, and whoever rings goes on. */
  leave(): void {
    this.options.kept.touch();
    this.#each((call) => {
      if (call !== this.#kept && call.state.phase !== "incoming") call.hangUp();
    });
  }

  /** The page's next goes on with the call that was answered last. */
  #keep(call: PhoneCall): void {
    const kept = call.kept();
    if (!kept) return;
    this.#kept = call;
    this.options.kept.keep(kept);
  }

  stop(): void {
    this.hangUpAll();
    this.connection.stop();
  }

  /** The peer connection of the current call, for measurements. */
  peerConnection(): RTCPeerConnection | null {
    return this.#current?.peerConnection() ?? null;
  }

  /**
   * Calls a number, with the camera if that is wanted and can be had. Whoever talks is put on hold first;
   * `consultFor` is the call about which this one is made.
   */
  async call(input: string, withCamera = false, consultFor: number | null = null): Promise<void> {
    if (this.#calls.length >= this.options.callsMax || this.#settingUp()) return;
    const talking = this.#talking();
    if (talking && !(await talking.setHold(true))) return;
    const number = readNumber(input);
    const call = this.#begin({
      direction: "outgoing",
      number: number ?? input.trim(),
      phase: "microphone",
      consultFor,
    });
    if (number === null) call.fail(failure("bad-number"));
    else await call.dial(withCamera);
  }

  /** Calls somebody about the current call, whose other side waits meanwhile. */
  async consult(input: string): Promise<void> {
    const customer = this.#current?.state;
    if (customer?.phase !== "active") return;
    await this.call(input, false, customer.id);
  }

  /** Answers what rings, with the camera if that is wanted and can be had. Whoever talks is put on hold first. */
  async accept(withCamera = false, id: number | null = null): Promise<void> {
    const call = this.#find(id) ?? this.#ringing();
    if (call?.state.phase !== "incoming") return;
    const talking = this.#talking();
    if (talking && !(await talking.setHold(true))) return;
    this.#settingUp()?.hangUp();
    if (!this.#calls.includes(call)) return;
    this.#show(call);
    await call.accept(withCamera);
  }

  /** Ends, cancels or declines, whichever fits the call's phase. */
  hangUp(id: number | null = null): void {
    (this.#find(id) ?? this.#current)?.hangUp();
  }

  hangUpAll(): void {
    this.#each((call) => call.hangUp());
  }

  toggleMute(): void {
    this.#current?.toggleMute();
  }

  async toggleHold(): Promise<void> {
    const call = this.#current;
    if (call?.state.hold === "held") await this.switchTo(call.state.id);
    else await call?.setHold(true);
  }

  /** Goes on with a call that waits on hold; whoever talks is put on hold first. */
  async switchTo(id: number): Promise<void> {
    const call = this.#find(id);
    if (call?.state.phase !== "active" || call.state.hold === "none") return;
    const talking = this.#talking();
    if (talking && talking !== call && !(await talking.setHold(true))) return;
    if (!this.#calls.includes(call)) return;
    this.#show(call);
    await call.setHold(false);
  }

  async toggleCamera(): Promise<void> {
    await this.#current?.toggleCamera();
  }

  sendDigit(digit: string): void {
    this.#current?.sendDigit(digit);
  }

  /** Asks to be called back at this number; null when that was taken. */
  async requestCallback(input: string): Promise<CallbackRefusal | null> {
    return (await this.#current?.requestCallback(input)) ?? null;
  }

  async transfer(input: string): Promise<void> {
    await this.#current?.transfer(input);
  }

  /** Connects the one who waits with the one who was consulted, and leaves both. */
  async completeTransfer(): Promise<void> {
    const consulted = this.#current;
    const customer = consulted && this.#find(consulted.state.consultFor);
    if (!consulted || !customer) return;
    if (await customer.transferTo(consulted)) {
      const transferred = this.#last;
      consulted.hangUp();
      this.#last = transferred;
      this.#publish();
      return;
    }
    consulted.patch({ notice: customer.state.transfer?.failure ?? null });
    customer.dismissNotice();
  }

  /** Ends the call to who was consulted, and goes on with the one who waits. */
  async abandonConsult(): Promise<void> {
    const consulted = this.#current;
    const customer = consulted && this.#find(consulted.state.consultFor);
    if (!consulted || !customer) return;
    consulted.hangUp();
    await this.switchTo(customer.state.id);
  }

  /** Lets the server join two calls: what it leaves of them is talked on, also when it ends one before it answers. */
  async merge(id: number, other: number, join: () => Promise<void>): Promise<void> {
    this.#markMerged(id, other);
    try {
      await join();
    } catch (error) {
      this.#find(id)?.patch({ mergedWith: null });
      this.#find(other)?.patch({ mergedWith: null });
      throw error;
    }
  }

  #markMerged(id: number, other: number): void {
    this.#find(id)?.patch({ mergedWith: other });
    this.#find(other)?.patch({ mergedWith: id });
  }

  dismissNotice(): void {
    if (this.#current) {
      this.#current.dismissNotice();
      return;
    }
    this.#last = null;
    this.#publish();
  }

  #hostOfCalls(): PhoneCallHost {
    const { audio, camera, tones, now } = this.options;
    return {
      connection: this.connection,
      audio,
      camera,
      tones,
      now,
      onChanged: () => this.#publish(),
      onRemoteSound: (call) => {
        if (call === this.#current) this.#play(call);
      },
      onAnswered: (call) => this.#keep(call),
      onEnded: (call, last) => this.#onEnded(call, last),
    };
  }

  #onIncoming(line: IncomingLineCall): void {
    if (this.#calls.length >= this.options.callsMax) {
      line.rejectBusy();
      return;
    }
    const { number, name, callRef, queue, offersVideo } = line;
    const free = this.#calls.length === 0;
    const first = { number, name, callRef, queue, offersVideo };
    const call = this.#begin({ ...first, direction: "incoming", phase: "incoming" });
    call.receive(line);
    if (line.autoAnswer && free) void call.accept(false);
  }

  #begin(first: Omit<Parameters<typeof newCall>[0], "id">): PhoneCall {
    this.#callCount += 1;
    const call = new PhoneCall(this.#host, newCall({ ...first, id: this.#callCount }));
    this.#calls.push(call);
    this.#last = null;
    if (first.direction === "outgoing" || !this.#current) this.#current = call;
    this.#publish();
    return call;
  }

  #onEnded(call: PhoneCall, last: EndedCall): void {
    this.#calls = this.#calls.filter((one) => one !== call);
    this.#last = last;
    if (this.#kept === call) {
      this.#kept = null;
      this.options.kept.forget();
      this.#each((other) => this.#keep(other));
    }
    if (this.#current === call) this.#current = this.#next();
    this.#publish();
    if (last.failure?.kind === "busy") this.options.tones.start("busy");
    const rest = this.#find(call.state.mergedWith);
    if (rest) void this.#goOn(rest);
  }

  /** What the server left of two calls that it has joined. */
  async #goOn(call: PhoneCall): Promise<void> {
    call.patch({ mergedWith: null });
    await this.switchTo(call.state.id);
  }

  /** The call to show when the current one is gone: the newest that was answered, or what rings. */
  #next(): PhoneCall | null {
    const answered = this.#calls.findLast(({ state }) => state.phase !== "incoming");
    return answered ?? this.#calls.at(0) ?? null;
  }

  #show(call: PhoneCall): void {
    this.#current = call;
    this.#publish();
  }

  #publish(): void {
    const calls = this.#calls.map(({ state }) => state);
    const call = this.#current?.state ?? null;
    this.#sound();
    this.#route();
    this.state.set({ calls, call, last: this.#last });
  }

  /** Sounds what the calls want to be heard of them. */
  #sound(): void {
    const ringing = this.#ringing();
    const others = this.#calls.some(({ state }) => state.phase !== "incoming");
    const tone = ringing ? (others ? "waiting" : "ring") : (this.#current?.tone ?? null);
    if (tone === this.#tone) return;
    this.#tone = tone;
    if (tone) this.options.tones.start(tone);
    else this.options.tones.stop();
  }

  /** Plays the current call, and nothing of one that is on hold. */
  #route(): void {
    const call = this.#current;
    if (this.#playing && this.#playing !== call) {
      this.#playing = null;
      this.options.audio.stopRemote();
    }
    if (call?.remote && this.#playing !== call) this.#play(call);
    this.options.audio.setRemoteMuted(call !== null && call.state.hold !== "none");
  }

  #play(call: PhoneCall): void {
    if (!call.remote) return;
    this.#playing = call;
    this.options.audio.playRemote(call.remote);
  }

  #find(id: number | null): PhoneCall | null {
    return this.#calls.find(({ state }) => state.id === id) ?? null;
  }

  #ringing(): PhoneCall | null {
    return this.#calls.find(({ state }) => state.phase === "incoming") ?? null;
  }

  #talking(): PhoneCall | null {
    return this.#calls.find(({ state }) => isTalking(state)) ?? null;
  }

  /** A call of ours that is not answered yet, or that we are answering. */
  #settingUp(): PhoneCall | null {
    const done = ["active", "incoming"];
    return this.#calls.find(({ state }) => !done.includes(state.phase)) ?? null;
  }

  #each(act: (call: PhoneCall) => void): void {
    for (const call of [...this.#calls]) act(call);
  }

  /** Every call has a copy of its own, so that ending or muting one touches no other. */
  async #replaceTrack(track: MediaStreamTrack): Promise<void> {
    const calls = [...this.#calls];
    const taken = await Promise.all(
      calls.map((call, index) => call.replaceTrack(index === 0 ? track : track.clone())),
    );
    if (!taken[0]) track.stop();
  }
}
