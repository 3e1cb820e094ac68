import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { CallTones } from "./call-tones.ts";

/** An audio context that plays only after `allow`, as in a page nobody has touched. */
class FakeContext {
  static allow: () => void;
  static started = 0;
  readonly currentTime = 0;
  readonly #allowed: Promise<void>;
  constructor() {
    this.#allowed = new Promise((resolve) => {
      FakeContext.allow = resolve;
    });
  }
  resume = () => this.#allowed;
  createGain = () => ({
    gain: { setValueAtTime: () => {}, linearRampToValueAtTime: () => {} },
    connect: () => {},
  });
  createOscillator = () => ({
    frequency: { value: 0 },
    connect: () => {},
    start: () => {
      FakeContext.started += 1;
    },
    stop: () => {},
  });
}

const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("AudioContext", FakeContext);
  FakeContext.started = 0;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("rings once, and not in a burst, when the page may play at last", async () => {
  const tones = new CallTones();
  tones.start("ring");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(FakeContext.started).toBe(0);
  FakeContext.allow();
  await settle();
  expect(FakeContext.started).toBe(2);
  tones.stop();
});

it("stays silent when the call is over before the page may play", async () => {
  const tones = new CallTones();
  tones.start("ring");
  await settle();
  tones.stop();
  FakeContext.allow();
  await settle();
  expect(FakeContext.started).toBe(0);
});
