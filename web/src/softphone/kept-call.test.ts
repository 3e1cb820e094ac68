import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { testBench } from "./fakes.ts";
import { KEPT_MS, KeptCalls } from "./kept-call.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const settle = () => vi.advanceTimersByTimeAsync(0);

/** A page that talks, as its tab's storage knows it. */
async function talking() {
  const before = testBench();
  before.softphone.start();
  await settle();
  await before.softphone.call("6000");
  before.lines[0]?.calls[0]?.answer();
  return before;
}

/** The page that is loaded next in the same tab. */
async function loadedAgain(stored: Map<string, string>, nowMs: number) {
  const bench = testBench();
  for (const [key, value] of stored) bench.stored.set(key, value);
  bench.nowMs = nowMs;
  bench.softphone.start();
  await settle();
  return bench;
}

describe("a call whose page is loaded again", () => {
  it("goes on by replacing its dialog, and keeps its time", async () => {
    const before = await talking();
    const after = await loadedAgain(before.stored, before.nowMs + 5_000);
    expect(after.lines[0]?.dialled).toEqual(["6000 replaces call"]);
    after.lines[0]?.calls[0]?.answer();
    const { call } = after.softphone.state.get();
    expect(call).toMatchObject({ phase: "active", number: "6000", answeredAt: before.nowMs });
  });

  it("is lost when the page comes too late", async () => {
    const before = await talking();
    const after = await loadedAgain(before.stored, before.nowMs + KEPT_MS);
    expect(after.lines[0]?.dialled).toEqual([]);
  });

  it("may be as old as it likes while the page is there", async () => {
    const before = await talking();
    before.nowMs += 600_000;
    await vi.advanceTimersByTimeAsync(10_000);
    const after = await loadedAgain(before.stored, before.nowMs + 5_000);
    expect(after.lines[0]?.dialled).toEqual(["6000 replaces call"]);
  });

  it("is over when it has ended", async () => {
    const before = await talking();
    before.softphone.hangUp();
    const after = await loadedAgain(before.stored, before.nowMs);
    expect(after.lines[0]?.dialled).toEqual([]);
    expect(after.softphone.state.get().call).toBeNull();
  });

  it("ends with a word when the server knows nothing of it any longer", async () => {
    const before = await talking();
    const after = await loadedAgain(before.stored, before.nowMs);
    after.lines[0]?.calls[0]?.end({ failure: { kind: "call-lost", advice: "" } as never });
    expect(after.softphone.state.get().last?.outcome).toBe("failed");
    expect(after.stored.size).toBe(0);
  });

  it("is kept by a page that is loaded twice in a row", async () => {
    const before = await talking();
    before.softphone.leave();
    const between = await loadedAgain(before.stored, before.nowMs);
    between.softphone.leave();
    const after = await loadedAgain(between.stored, before.nowMs);
    expect(after.lines[0]?.dialled).toEqual(["6000 replaces call"]);
  });

  it("is given up if nobody has answered it", async () => {
    const bench = testBench();
    bench.softphone.start();
    await settle();
    await bench.softphone.call("6000");
    bench.softphone.leave();
    expect(bench.lines[0]?.calls[0]?.done).toEqual(["hangUp"]);
    expect(bench.stored.size).toBe(0);
  });

  it("is not taken from a page that stands beside it", async () => {
    const storage = new Map([["offhook.call", JSON.stringify({ dialog: {}, seenAt: 1_000 })]]);
    const request = () => Promise.reject(new DOMException("", "TimeoutError"));
    const kept = new KeptCalls(
      {
        getItem: (key) => storage.get(key) ?? null,
        setItem: (key, value) => void storage.set(key, value),
        removeItem: (key) => void storage.delete(key),
      },
      () => 1_000,
      { request } as unknown as LockManager,
    );
    expect(await kept.take()).toBeNull();
    expect(storage.size).toBe(1);
  });

  it("is not gone on with by somebody else", async () => {
    const before = await talking();
    const [key, text] = [...before.stored][0] ?? ["", "{}"];
    before.stored.set(key, JSON.stringify({ ...JSON.parse(text), account: "other" }));
    const after = await loadedAgain(before.stored, before.nowMs);
    expect(after.lines[0]?.dialled).toEqual([]);
    expect(after.softphone.state.get().call).toBeNull();
  });
});
