import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "../api/problem.ts";
import { failure } from "./failure.ts";
import { testBench, testCredentials } from "./fakes.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Lets promises that are already settled run their continuations. */
const settle = () => vi.advanceTimersByTimeAsync(0);

async function started(options = {}) {
  const bench = testBench(options);
  bench.softphone.start();
  await settle();
  const state = () => bench.softphone.connection.state.get();
  return { bench, state, connection: bench.softphone.connection };
}

describe("a connection", () => {
  it("fetches credentials and connects", async () => {
    const { bench, state } = await started();
    expect(state()).toMatchObject({ phase: "connected", attempt: 0, failure: null });
    expect(bench.lines).toHaveLength(1);
    expect(bench.lines[0]?.registers).toBe(0);
  });

  it("registers an extension, and again after the socket was lost", async () => {
    const { bench, state } = await started({ register: true });
    const line = bench.lines[0];
    line?.handlers.onRegistration("registered", null);
    expect(state().registration).toBe("registered");
    line?.handlers.onDisconnected();
    expect(state()).toMatchObject({ phase: "waiting", registration: "unregistered" });
    await vi.advanceTimersByTimeAsync(500);
    expect(state().phase).toBe("connected");
    expect(line?.registers).toBe(2);
    expect(bench.lines).toHaveLength(1);
  });

  it("waits longer after each failure and goes on for ever", async () => {
    const { bench, state } = await started();
    const line = bench.lines[0];
    if (!line) throw new Error("no line");
    line.connectAnswer = () => Promise.reject(new Error("refused"));
    line.handlers.onDisconnected();
    const connects = () => line.connects - 1;
    await vi.advanceTimersByTimeAsync(499);
    expect(connects()).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(connects()).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(connects()).toBe(2);
    await vi.advanceTimersByTimeAsync(2000);
    expect(connects()).toBe(3);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(connects()).toBeGreaterThan(40);
    expect(state()).toMatchObject({ phase: "waiting", failure: { kind: "disconnected" } });
    line.connectAnswer = () => Promise.resolve();
    await vi.advanceTimersByTimeAsync(15_000);
    expect(state().phase).toBe("connected");
  });

  it("tries at once when the network or the person is back, or the person asks", async () => {
    const { bench, connection, state } = await started();
    bench.lines[0]?.handlers.onDisconnected();
    connection.retryNow();
    await settle();
    expect(state().phase).toBe("connected");
    bench.lines[0]?.handlers.onDisconnected();
    dispatchEvent(new Event("online"));
    await settle();
    expect(state().phase).toBe("connected");
    bench.lines[0]?.handlers.onDisconnected();
    document.dispatchEvent(new Event("visibilitychange"));
    await settle();
    expect(state().phase).toBe("connected");
  });

  it("honours Retry-After of a rate limit and says why", async () => {
    const bench = testBench();
    bench.credentials = () => Promise.reject(new Problem(429, "Slow down", "wait", "t", 20));
    bench.softphone.start();
    await settle();
    const { state } = bench.softphone.connection;
    expect(state.get()).toMatchObject({
      phase: "waiting",
      failure: { kind: "throttled" },
    });
    bench.credentials = () => Promise.resolve(testCredentials());
    await vi.advanceTimersByTimeAsync(19_999);
    expect(bench.fetches).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(state.get().phase).toBe("connected");
  });

  it("renews credentials that run out before it uses them", async () => {
    const bench = testBench();
    bench.credentials = () => Promise.resolve(testCredentials(new Date(bench.nowMs + 300_000)));
    bench.softphone.start();
    await settle();
    const { connection } = bench.softphone;
    await connection.ready();
    expect(bench.fetches).toBe(1);
    bench.nowMs += 299_000;
    await connection.ready();
    expect(bench.fetches).toBe(2);
    expect(bench.lines.map((line) => line.closed)).toEqual([true, false]);
  });

  it("does not repeat a registration that the server refuses for good", async () => {
    const { bench, state } = await started({ register: true });
    const line = bench.lines[0];
    line?.handlers.onRegistration("refused", failure("unauthorised"));
    await vi.advanceTimersByTimeAsync(600_000);
    expect(line?.registers).toBe(1);
    expect(state().failure?.kind).toBe("unauthorised");
  });

  it("repeats a registration that failed for the moment", async () => {
    const { bench } = await started({ register: true });
    const line = bench.lines[0];
    line?.handlers.onRegistration("refused", failure("overloaded"));
    await vi.advanceTimersByTimeAsync(500);
    expect(line?.registers).toBe(2);
  });

  it("is not revived by an attempt that a stop has overtaken", async () => {
    const bench = testBench();
    let release = () => {};
    bench.credentials = () =>
      new Promise((resolve) => {
        release = () => resolve(testCredentials());
      });
    bench.softphone.start();
    await settle();
    bench.softphone.stop();
    release();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(bench.softphone.connection.state.get().phase).toBe("stopped");
    expect(bench.lines).toHaveLength(0);
  });
});
