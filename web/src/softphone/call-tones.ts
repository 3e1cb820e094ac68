import { type RingSettings, type RingSound, ring } from "./ring.ts";

/** What the telephone itself sounds while a call is being set up. */
export type CallTone = "ringback" | "ring" | "waiting" | "busy";

interface Cadence {
  frequencies: number[];
  gain: number;
  /** Seconds of sound and of silence; `repeat` false plays it `times` times only. */
  on: number;
  off: number;
  times: number;
}

const CADENCES: Record<Exclude<CallTone, "ring">, Cadence> = {
  ringback: { frequencies: [425], gain: 0.06, on: 1, off: 4, times: Number.POSITIVE_INFINITY },
  waiting: { frequencies: [425], gain: 0.05, on: 0.2, off: 4, times: Number.POSITIVE_INFINITY },
  busy: { frequencies: [425], gain: 0.05, on: 0.35, off: 0.35, times: 3 },
};

/** Loudest ringing; the volume is a share of it. */
const RING_GAIN_MAX = 0.15;
const RINGS: Record<RingSound, Pick<Cadence, "frequencies" | "on" | "off">> = {
  classic: { frequencies: [660, 880], on: 0.8, off: 1.6 },
  soft: { frequencies: [392, 494], on: 1.2, off: 2.4 },
  bright: { frequencies: [988, 1319], on: 0.4, off: 0.8 },
  silent: { frequencies: [], on: 1, off: 2 },
};

const DTMF_ROWS = [697, 770, 852, 941];
const DTMF_COLUMNS = [1209, 1336, 1477];
const DTMF_GRID = ["123", "456", "789", "*0#"];
const KEY_TONE_S = 0.09;
const KEY_TONE_GAIN = 0.04;
/** Fade at both ends, so that tones do not click. */
const FADE_S = 0.01;

export interface Tones {
  start(tone: CallTone): void;
  stop(): void;
  key(digit: string): void;
}

/** Plays call-progress and key tones on the system's speaker. */
export class CallTones implements Tones {
  #context: AudioContext | null = null;
  readonly #ring: () => RingSettings;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sounding: OscillatorNode[] = [];
  /** Counts what was asked for; only the newest still sounds once the browser lets the page play. */
  #wish = 0;

  constructor(settings: () => RingSettings = ring.get) {
    this.#ring = settings;
  }

  start(tone: CallTone): void {
    this.stop();
    this.#cycle(tone === "ring" ? ringing(this.#ring()) : CADENCES[tone], 0);
  }

  /** Rings once, for somebody who chooses how it is to sound. */
  tryRing(): void {
    this.stop();
    this.#cycle({ ...ringing(this.#ring()), times: 1 }, 0);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#wish += 1;
    for (const oscillator of this.#sounding) oscillator.stop();
    this.#sounding = [];
  }

  key(digit: string): void {
    const row = DTMF_GRID.findIndex((keys) => keys.includes(digit));
    const column = DTMF_GRID[row]?.indexOf(digit) ?? -1;
    const low = DTMF_ROWS[row];
    const high = DTMF_COLUMNS[column];
    if (!low || !high) return;
    this.#context ??= new AudioContext();
    void this.#context.resume();
    this.#sound(this.#context, [low, high], KEY_TONE_GAIN, KEY_TONE_S);
  }

  #cycle(cadence: Cadence, count: number): void {
    if (count >= cadence.times) return;
    void this.#soundWhenAllowed(cadence);
    const period = (cadence.on + cadence.off) * 1000;
    this.#timer = setTimeout(() => this.#cycle(cadence, count + 1), period);
  }

  /**
   * A page nobody has touched may not play, and its clock stands still: what rang meanwhile would
   * all sound in one burst at the first click.
   */
  async #soundWhenAllowed({ frequencies, gain, on }: Cadence): Promise<void> {
    this.#wish += 1;
    const wish = this.#wish;
    this.#context ??= new AudioContext();
    await this.#context.resume();
    if (wish === this.#wish) this.#sounding = this.#sound(this.#context, frequencies, gain, on);
  }

  #sound(
    context: AudioContext,
    frequencies: number[],
    level: number,
    seconds: number,
  ): OscillatorNode[] {
    const gain = context.createGain();
    const begin = context.currentTime;
    gain.gain.setValueAtTime(0, begin);
    gain.gain.linearRampToValueAtTime(level, begin + FADE_S);
    gain.gain.setValueAtTime(level, begin + seconds - FADE_S);
    gain.gain.linearRampToValueAtTime(0, begin + seconds);
    gain.connect(context.destination);
    return frequencies.map((frequency) => {
      const oscillator = context.createOscillator();
      oscillator.frequency.value = frequency;
      oscillator.connect(gain);
      oscillator.start(begin);
      oscillator.stop(begin + seconds);
      return oscillator;
    });
  }
}

function ringing({ sound, volume }: RingSettings): Cadence {
  return { ...RINGS[sound], gain: RING_GAIN_MAX * volume, times: Number.POSITIVE_INFINITY };
}
