import { type Failure, failureFromMicrophone } from "./failure.ts";
import { Store } from "./store.ts";

export interface AudioDevice {
  id: string;
  label: string;
}

export interface AudioDevicesState {
  microphones: AudioDevice[];
  speakers: AudioDevice[];
  /** The chosen device, or "default". */
  microphoneId: string;
  speakerId: string;
  /** Whether the browser can play to another speaker than the system's. */
  canChooseSpeaker: boolean;
  /** Echo cancellation, noise suppression and automatic gain. */
  processing: boolean;
  microphoneOpen: boolean;
  failure: Failure | null;
}

/** What a call needs of the sound hardware; `AudioDevices` in a page, a fake in tests. */
export interface CallAudio {
  openMicrophone(): Promise<MediaStream>;
  closeMicrophone(): void;
  playRemote(stream: MediaStream): void;
  stopRemote(): void;
  setRemoteMuted(muted: boolean): void;
  /** Called with the new track when another microphone took over during a call. */
  onTrackReplaced(listener: (track: MediaStreamTrack) => void): () => void;
}

const MICROPHONE_KEY = "offhook.microphone";
const SPEAKER_KEY = "offhook.speaker";
const PROCESSING_KEY = "offhook.audio-processing";
const DEFAULT = "default";
/** The level meter shows this range below full scale. */
const METER_RANGE_DB = 60;

/** Microphone, speaker and level meter of this browser. */
export class AudioDevices implements CallAudio {
  readonly state: Store<AudioDevicesState>;
  readonly #element: HTMLAudioElement;
  readonly #trackListeners = new Set<(track: MediaStreamTrack) => void>();
  #stream: MediaStream | null = null;
  #opening: Promise<MediaStream> | null = null;
  #users = 0;
  #meter: {
    context: AudioContext;
    analyser: AnalyserNode;
    samples: Float32Array<ArrayBuffer>;
  } | null = null;

  constructor() {
    this.#element = document.createElement("audio");
    this.#element.autoplay = true;
    this.#element.dataset.offhook = "remote-audio";
    document.body.append(this.#element);
    this.state = new Store<AudioDevicesState>({
      microphones: [],
      speakers: [],
      microphoneId: remembered(MICROPHONE_KEY) ?? DEFAULT,
      speakerId: remembered(SPEAKER_KEY) ?? DEFAULT,
      canChooseSpeaker: typeof this.#element.setSinkId === "function",
      processing: remembered(PROCESSING_KEY) !== "off",
      microphoneOpen: false,
      failure: null,
    });
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.refresh());
    void this.refresh();
    void this.#applySpeaker();
  }

  /** Reads the list of devices again; labels are empty until the microphone was allowed once. */
  async refresh(): Promise<void> {
    const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    this.state.patch({
      microphones: named(devices, "audioinput", "Microphone"),
      speakers: named(devices, "audiooutput", "Speaker"),
    });
  }

  /**
   * Opens the chosen microphone; each success is paired with one `closeMicrophone`. The stream is
   * the caller's own copy, so that ending or muting one call touches nobody else.
   */
  async openMicrophone(): Promise<MediaStream> {
    const stream = this.#stream ?? (await this.#acquireOnce());
    this.#users += 1;
    return stream.clone();
  }

  closeMicrophone(): void {
    this.#users = Math.max(0, this.#users - 1);
    if (this.#users > 0) return;
    this.#release();
    this.state.patch({ microphoneOpen: false });
  }

  async setMicrophone(id: string): Promise<void> {
    remember(MICROPHONE_KEY, id);
    this.state.patch({ microphoneId: id });
    await this.#reopen();
  }

  async setProcessing(on: boolean): Promise<void> {
    remember(PROCESSING_KEY, on ? "on" : "off");
    this.state.patch({ processing: on });
    await this.#reopen();
  }

  async setSpeaker(id: string): Promise<void> {
    remember(SPEAKER_KEY, id);
    this.state.patch({ speakerId: id });
    await this.#applySpeaker();
  }

  onTrackReplaced(listener: (track: MediaStreamTrack) => void): () => void {
    this.#trackListeners.add(listener);
    return () => {
      this.#trackListeners.delete(listener);
    };
  }

  playRemote(stream: MediaStream): void {
    this.#element.srcObject = stream;
    // A call begins with a click or a key, so the browser lets it play; a page whose play is
    // refused all the same starts with the next click.
    this.#element.play().catch(() => {
      document.addEventListener("pointerdown", () => void this.#element.play(), { once: true });
    });
  }

  stopRemote(): void {
    this.#element.srcObject = null;
    this.#element.muted = false;
  }

  setRemoteMuted(muted: boolean): void {
    this.#element.muted = muted;
  }

  /** The microphone's level from 0 (silence) to 1 (full scale), on a decibel scale. */
  readLevel(): number {
    const meter = this.#meter;
    if (!meter) return 0;
    meter.analyser.getFloatTimeDomainData(meter.samples);
    const power = meter.samples.reduce((sum, x) => sum + x * x, 0) / meter.samples.length;
    const dbov = 10 * Math.log10(power + 1e-12);
    return Math.min(1, Math.max(0, 1 + dbov / METER_RANGE_DB));
  }

  /** Two callers at the same time share one question to the user. */
  #acquireOnce(): Promise<MediaStream> {
    this.#opening ??= this.#acquire().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #acquire(): Promise<MediaStream> {
    try {
      const stream = await getMicrophone(this.state.get());
      this.#adopt(stream);
      this.state.patch({ failure: null, microphoneOpen: true });
      void this.refresh();
      return stream;
    } catch (error) {
      const failure = failureFromMicrophone(error);
      this.state.patch({ failure });
      throw failure;
    }
  }

  #adopt(stream: MediaStream): void {
    this.#stream = stream;
    const [track] = stream.getAudioTracks();
    track?.addEventListener("ended", () => {
      // The device was pulled out; whatever is the default device takes over.
      if (this.#stream === stream) void this.setMicrophone(DEFAULT);
    });
    this.#startMeter(stream);
  }

  async #reopen(): Promise<void> {
    if (!this.#stream) return;
    this.#release();
    const stream = await this.#acquire().catch(() => null);
    const [track] = stream?.getAudioTracks() ?? [];
    if (track) for (const listener of this.#trackListeners) listener(track.clone());
  }

  #release(): void {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    void this.#meter?.context.close();
    this.#meter = null;
  }

  #startMeter(stream: MediaStream): void {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(stream).connect(analyser);
    this.#meter = { context, analyser, samples: new Float32Array(analyser.fftSize) };
  }

  async #applySpeaker(): Promise<void> {
    const { canChooseSpeaker, speakerId } = this.state.get();
    if (!canChooseSpeaker) return;
    try {
      await this.#element.setSinkId(speakerId === DEFAULT ? "" : speakerId);
    } catch {
      // The remembered speaker is not connected; the system's speaker plays.
      this.state.patch({ speakerId: DEFAULT });
    }
  }
}

async function getMicrophone(state: AudioDevicesState): Promise<MediaStream> {
  if (!navigator.mediaDevices) {
    throw Object.assign(new Error("no media devices"), { name: "InsecurePageError" });
  }
  const { microphoneId, processing } = state;
  const wanted: MediaTrackConstraints = {
    echoCancellation: processing,
    noiseSuppression: processing,
    autoGainControl: processing,
  };
  if (microphoneId !== DEFAULT) {
    try {
      const audio = { ...wanted, deviceId: { exact: microphoneId } };
      return await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      // Only a device that is gone is replaced by the default; a denial is a denial.
      const gone =
        error instanceof Error && /^(OverconstrainedError|NotFoundError)$/.test(error.name);
      if (!gone) throw error;
    }
  }
  return navigator.mediaDevices.getUserMedia({ audio: wanted });
}

function named(devices: MediaDeviceInfo[], kind: MediaDeviceKind, fallback: string): AudioDevice[] {
  return devices
    .filter((device) => device.kind === kind && device.deviceId !== "")
    .map((device, index) => ({
      id: device.deviceId,
      label: device.label || `${fallback} ${index + 1}`,
    }));
}

function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
