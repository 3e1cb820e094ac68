import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CONNECT_TIMEOUT_ON_CALL_MS } from "./connection.ts";
import { failure } from "./failure.ts";
import { FakeCall, FakeTrack, testBench } from "./fakes.ts";
import { MEDIA_RESTART_TIMEOUT_MS, NETWORK_RETURN_TIMEOUT_MS } from "./phone-call.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const settle = () => vi.advanceTimersByTimeAsync(0);

async function ready(options = {}) {
  const bench = testBench(options);
  bench.softphone.start();
  await settle();
  const line = bench.lines[0];
  if (!line) throw new Error("no line");
  return {
    bench,
    line,
    softphone: bench.softphone,
    call: () => bench.softphone.state.get().call,
    last: () => bench.softphone.state.get().last,
  };
}

async function active(options = {}) {
  const phone = await ready(options);
  await phone.softphone.call("9196");
  const lineCall = phone.line.calls[0];
  if (!lineCall) throw new Error("no call");
  lineCall.answer();
  return { ...phone, lineCall };
}

describe("an outgoing call", () => {
  it("goes through its phases and is timed from the answer", async () => {
    const { bench, line, softphone, call, last } = await ready();
    const calling = softphone.call("555-1234");
    expect(call()?.phase).toBe("microphone");
    await calling;
    expect(call()?.phase).toBe("dialling");
    expect(line.dialled).toEqual(["5551234"]);
    line.calls[0]?.handlers?.onRinging(false);
    expect(call()?.phase).toBe("ringing");
    expect(bench.tones).toEqual(["ringback"]);
    line.calls[0]?.answer();
    expect(call()).toMatchObject({ phase: "active", answeredAt: 1_000_000 });
    bench.nowMs += 12_000;
    line.calls[0]?.end();
    expect(call()).toBeNull();
    expect(last()).toMatchObject({ outcome: "ended", by: "remote", seconds: 12, failure: null });
    expect(bench.audio.openCount).toBe(0);
    expect(bench.audio.streams[0]?.tracks[0]?.stopped).toBe(true);
  });

  it("does not play its own ringing over early media", async () => {
    const { bench, line, softphone } = await ready();
    await softphone.call("6000");
    line.calls[0]?.handlers?.onRinging(true);
    expect(bench.tones).not.toContain("ringback");
  });

  it("says why it failed", async () => {
    const { line, softphone, last } = await ready();
    await softphone.call("1001");
    line.calls[0]?.end({ failure: failure("busy", null, 486) });
    expect(last()).toMatchObject({ outcome: "failed", failure: { kind: "busy", sipCode: 486 } });
  });

  it("refuses what is not a number without asking for the microphone", async () => {
    const { bench, softphone, last } = await ready();
    await softphone.call("hello");
    expect(last()?.failure?.kind).toBe("bad-number");
    expect(bench.audio.streams).toHaveLength(0);
  });

  it("does not dial when the microphone is denied", async () => {
    const { bench, line, softphone, last } = await ready();
    bench.audio.failure = failure("microphone-denied");
    await softphone.call("9196");
    expect(last()?.failure?.kind).toBe("microphone-denied");
    expect(line.dialled).toEqual([]);
  });

  it("can be cancelled while the microphone is asked for", async () => {
    const { bench, line, softphone, call, last } = await ready();
    const calling = softphone.call("9196");
    softphone.hangUp();
    await calling;
    expect(call()).toBeNull();
    expect(last()).toMatchObject({ outcome: "cancelled", failure: null });
    expect(line.dialled).toEqual([]);
    expect(bench.audio.openCount).toBe(0);
  });

  it("ends at once on hang-up and ignores what the line says later", async () => {
    const { lineCall, softphone, last } = await active();
    softphone.hangUp();
    expect(lineCall.done).toEqual(["hangUp"]);
    expect(last()).toMatchObject({ outcome: "ended", by: "local" });
    lineCall.end({ failure: failure("server") });
    expect(last()?.failure).toBeNull();
  });

  it("is tried once more with fresh credentials when the server refuses the old", async () => {
    const { bench, line, softphone, last } = await ready();
    await softphone.call("9196");
    line.calls[0]?.end({ failure: failure("unauthorised", null, 401) });
    await settle();
    expect(bench.fetches).toBe(2);
    expect(bench.lines[1]?.dialled).toEqual(["9196"]);
    bench.lines[1]?.calls[0]?.end({ failure: failure("unauthorised", null, 401) });
    await settle();
    expect(last()?.failure?.kind).toBe("unauthorised");
    expect(bench.fetches).toBe(2);
    expect(bench.audio.openCount).toBe(0);
  });

  it("fails when the socket is lost before the answer", async () => {
    const { line, softphone, last } = await ready();
    await softphone.call("9196");
    line.handlers.onDisconnected();
    expect(last()?.failure?.kind).toBe("disconnected");
  });
});

describe("during a call", () => {
  it("mutes and holds: silence goes out, nothing is heard on hold", async () => {
    const { bench, lineCall, softphone, call } = await active();
    const track = lineCall.peer.sender.track;
    softphone.toggleMute();
    expect([call()?.muted, track?.enabled]).toEqual([true, false]);
    softphone.toggleMute();
    expect(track?.enabled).toBe(true);
    const holding = softphone.toggleHold();
    expect(call()?.hold).toBe("holding");
    await holding;
    expect([call()?.hold, track?.enabled, bench.audio.remoteMuted]).toEqual(["held", false, true]);
    await softphone.toggleHold();
    expect([call()?.hold, track?.enabled, bench.audio.remoteMuted]).toEqual(["none", true, false]);
    expect(lineCall.done).toEqual(["hold", "resume"]);
  });

  it("stays muted when it is resumed from hold", async () => {
    const { lineCall, softphone } = await active();
    softphone.toggleMute();
    await softphone.toggleHold();
    await softphone.toggleHold();
    expect(lineCall.peer.sender.track?.enabled).toBe(false);
  });

  it("goes on when the other side refuses to be held", async () => {
    const { lineCall, softphone, call } = await active();
    lineCall.holdAnswer = Promise.reject(failure("no-codec"));
    await softphone.toggleHold();
    expect(call()).toMatchObject({ hold: "none", notice: { kind: "no-codec" } });
    expect(lineCall.peer.sender.track?.enabled).toBe(true);
  });

  it("sends digits in RTP and keeps those that still wait", async () => {
    const { lineCall, softphone, call } = await active();
    for (const digit of "12#") softphone.sendDigit(digit);
    softphone.sendDigit("x");
    expect(lineCall.peer.sender.dtmf.toneBuffer).toBe("12#");
    expect(call()?.digits).toBe("12#");
  });

  it("sends digits by signalling when RTP cannot carry them", async () => {
    const { lineCall, softphone } = await active();
    lineCall.peer.sender.dtmf.canInsertDTMF = false;
    softphone.sendDigit("5");
    expect(lineCall.done).toEqual(["info 5"]);
  });

  it("transfers and leaves", async () => {
    const { lineCall, softphone, last } = await active();
    await softphone.transfer("1002");
    expect(lineCall.done).toEqual(["transfer 1002", "hangUp"]);
    expect(last()?.outcome).toBe("transferred");
  });

  it("stays when the transfer fails", async () => {
    const { lineCall, softphone, call } = await active();
    lineCall.transferAnswer = Promise.reject(failure("busy"));
    await softphone.transfer("1002");
    expect(call()).toMatchObject({ phase: "active", transfer: { failure: { kind: "busy" } } });
    softphone.dismissNotice();
    expect(call()?.transfer).toBeNull();
  });

  it("survives a lost socket and tells the other side when it is back", async () => {
    const { line, lineCall, call } = await active();
    line.handlers.onDisconnected();
    expect(call()?.phase).toBe("active");
    await vi.advanceTimersByTimeAsync(500);
    expect(lineCall.done).toEqual(["refresh"]);
    expect(line.closed).toBe(false);
  });

  it("restarts media that failed and gives up after a while", async () => {
    const { lineCall, call, last } = await active();
    lineCall.peer.become("connected");
    lineCall.peer.become("failed");
    expect(call()?.media).toBe("interrupted");
    expect(lineCall.done).toEqual(["refresh with ice"]);
    await vi.advanceTimersByTimeAsync(MEDIA_RESTART_TIMEOUT_MS);
    expect(last()?.failure?.kind).toBe("no-media");
  });

  it("restarts media that failed without signalling as soon as that is back", async () => {
    const { line, lineCall, call } = await active();
    line.handlers.onDisconnected();
    lineCall.peer.become("failed");
    expect(lineCall.done).toEqual([]);
    await vi.advanceTimersByTimeAsync(500);
    expect(lineCall.done).toEqual(["refresh with ice"]);
    expect(call()?.notice).toBeNull();
  });

  it("blames the connection and no firewall when signalling is gone too", async () => {
    const { line, lineCall, last } = await active();
    line.connectAnswer = () => Promise.reject(new Error("nobody listens"));
    line.handlers.onDisconnected();
    lineCall.peer.become("failed");
    await vi.advanceTimersByTimeAsync(NETWORK_RETURN_TIMEOUT_MS - 1);
    expect(last()).toBeNull();
    await vi.advanceTimersByTimeAsync(1);
    expect(last()?.failure?.kind).toBe("call-lost");
  });

  it("doubts the socket when the media falls silent, and hurries to connect while there is a call", async () => {
    const { line, lineCall } = await active();
    expect(line.timeoutMs).toBe(8_000);
    lineCall.peer.become("disconnected");
    expect(line.probes).toBe(1);
    line.connectAnswer = () => Promise.reject(new Error("the network is lost"));
    line.handlers.onDisconnected();
    const before = line.connects;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(line.timeoutMs).toBe(CONNECT_TIMEOUT_ON_CALL_MS);
    // After half a second, and then each second.
    expect(line.connects - before).toBe(10);
  });

  it("waits anew for the media when the network is back", async () => {
    const { line, lineCall, call, last } = await active();
    line.connectAnswer = () => Promise.reject(new Error("the network is lost"));
    line.handlers.onDisconnected();
    lineCall.peer.become("failed");
    await vi.advanceTimersByTimeAsync(30_000);
    line.connectAnswer = () => Promise.resolve();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(lineCall.done).toEqual(["refresh with ice"]);
    await vi.advanceTimersByTimeAsync(MEDIA_RESTART_TIMEOUT_MS - 2_000);
    expect(call()?.phase).toBe("active");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(last()?.failure?.kind).toBe("no-media");
  });

  it("keeps a call whose media came back", async () => {
    const { lineCall, call } = await active();
    lineCall.peer.become("failed");
    lineCall.peer.become("connected");
    await vi.advanceTimersByTimeAsync(MEDIA_RESTART_TIMEOUT_MS);
    expect(call()?.media).toBe("connected");
  });

  it("sends through another microphone without a gap in the call", async () => {
    const { bench, lineCall, softphone } = await active();
    softphone.toggleMute();
    const old = lineCall.peer.sender.track;
    const replacement = new FakeTrack();
    bench.audio.replace(replacement);
    await settle();
    expect(lineCall.peer.sender.track).toBe(replacement);
    expect([old?.stopped, replacement.enabled]).toEqual([true, false]);
  });
});

describe("an incoming call", () => {
  it("rings and is answered", async () => {
    const { bench, line, softphone, call } = await ready({ register: true });
    const incoming = new FakeCall();
    line.handlers.onIncoming(incoming);
    expect(call()).toMatchObject({ direction: "incoming", phase: "incoming", name: "Ada" });
    expect(bench.tones).toEqual(["ring"]);
    await softphone.accept();
    expect(call()?.phase).toBe("active");
  });

  it("is missed when the caller gives up and declined when the callee does", async () => {
    const { line, softphone, last } = await ready({ register: true });
    const first = new FakeCall();
    line.handlers.onIncoming(first);
    first.end();
    expect(last()?.outcome).toBe("missed");
    line.handlers.onIncoming(new FakeCall());
    softphone.hangUp();
    expect(last()?.outcome).toBe("declined");
    const third = new FakeCall();
    line.handlers.onIncoming(third);
    third.end({ elsewhere: true });
    expect(last()?.outcome).toBe("elsewhere");
  });

  it("is turned away during another call", async () => {
    const { line, call } = await active({ register: true });
    const second = new FakeCall();
    line.handlers.onIncoming(second);
    expect(second.done).toEqual(["rejectBusy"]);
    expect(call()?.number).toBe("9196");
  });
});
