import { expect, it } from "vitest";
import { failure } from "./failure.ts";
import { FakeCall, FakeTrack, testBench } from "./fakes.ts";

const settle = () => new Promise((resolve) => setTimeout(resolve));

async function desk({ callsMax = 3 } = {}) {
  const bench = testBench({ register: true, callsMax });
  bench.softphone.start();
  await settle();
  const line = bench.lines[0];
  if (!line) throw new Error("no line");
  const { softphone } = bench;
  const state = () => softphone.state.get();
  return { bench, line, softphone, state, calls: () => state().calls, call: () => state().call };
}

type Desk = Awaited<ReturnType<typeof desk>>;

function ring({ line }: Desk, number: string): FakeCall {
  const call = new FakeCall({ number, name: null });
  line.handlers.onIncoming(call);
  return call;
}

/** A caller who has been answered. */
async function answered(at: Desk, number = "5550100"): Promise<FakeCall> {
  const call = ring(at, number);
  await at.softphone.accept();
  call.peer.receive(new FakeTrack());
  return call;
}

/** The newest call that was dialled, answered by the other side. */
function picksUp({ line }: Desk): FakeCall {
  const call = line.calls.at(-1);
  if (!call) throw new Error("nothing was dialled");
  call.answer();
  call.peer.receive(new FakeTrack());
  return call;
}

it("rings quietly beside a call, and the call goes on", async () => {
  const at = await desk();
  await answered(at);
  ring(at, "5550200");
  expect(at.call()?.number).toBe("5550100");
  expect(at.calls().map(({ phase }) => phase)).toEqual(["active", "incoming"]);
  expect(at.bench.tones.at(-1)).toBe("waiting");
});

it("holds whoever talks before the second caller is answered", async () => {
  const at = await desk();
  const first = await answered(at);
  const second = ring(at, "5550200");
  let agree = () => {};
  first.holdAnswer = new Promise((resolve) => (agree = resolve));
  const accepting = at.softphone.accept();
  await settle();
  expect(second.done).toEqual([]);
  agree();
  await accepting;
  expect(first.done).toEqual(["accept", "hold"]);
  expect(second.done).toEqual(["accept"]);
  expect(at.call()).toMatchObject({ number: "5550200", phase: "active", hold: "none" });
  expect(at.bench.tones.at(-1)).toBe("stop");
});

it("does not answer the second caller when the first cannot be held", async () => {
  const at = await desk();
  const first = await answered(at);
  const second = ring(at, "5550200");
  first.holdAnswer = Promise.reject(failure("no-codec"));
  await at.softphone.accept();
  expect(second.done).toEqual([]);
  expect(at.call()).toMatchObject({ number: "5550100", notice: { kind: "no-codec" } });
});

it("answers nobody who gave up while the first was put on hold", async () => {
  const at = await desk();
  const first = await answered(at);
  const second = ring(at, "5550200");
  let agree = () => {};
  first.holdAnswer = new Promise((resolve) => (agree = resolve));
  const accepting = at.softphone.accept();
  second.end();
  agree();
  await accepting;
  expect(second.done).toEqual([]);
  expect(at.calls()).toHaveLength(1);
  expect(at.call()).toMatchObject({ number: "5550100", hold: "held" });
});

it("declines the second caller and keeps the first", async () => {
  const at = await desk();
  await answered(at);
  const second = ring(at, "5550200");
  at.softphone.hangUp(at.calls()[1]?.id);
  expect(second.done).toEqual(["hangUp"]);
  expect(at.call()).toMatchObject({ number: "5550100", hold: "none" });
  expect(at.bench.tones.at(-1)).toBe("stop");
});

it("rings aloud again when the call beside it ends", async () => {
  const at = await desk();
  const first = await answered(at);
  ring(at, "5550200");
  first.end();
  expect(at.call()).toMatchObject({ number: "5550200", phase: "incoming" });
  expect(at.bench.tones.at(-1)).toBe("ring");
});

it("swaps, and one call is heard at a time", async () => {
  const at = await desk();
  const first = await answered(at);
  const second = await answered(at, "5550200");
  const heard = at.bench.audio.playing;
  await at.softphone.switchTo(at.calls()[0]?.id ?? 0);
  expect(second.done).toEqual(["accept", "hold"]);
  expect(first.done).toEqual(["accept", "hold", "resume"]);
  expect(at.call()).toMatchObject({ number: "5550100", hold: "none" });
  expect(at.bench.audio.playing).not.toBe(heard);
  expect(at.bench.audio.playing).not.toBeNull();
  expect(at.bench.audio.remoteMuted).toBe(false);
});

it("keeps whoever waits on hold when the other call ends", async () => {
  const at = await desk();
  const first = await answered(at);
  const second = await answered(at, "5550200");
  second.end();
  expect(at.call()).toMatchObject({ number: "5550100", hold: "held" });
  expect(at.bench.audio.remoteMuted).toBe(true);
  expect(at.bench.audio.openCount).toBe(1);
  await at.softphone.toggleHold();
  expect(first.done.at(-1)).toBe("resume");
});

it("consults a colleague and completes: both are left, the customer is transferred", async () => {
  const at = await desk();
  const customer = await answered(at);
  await at.softphone.consult("2002");
  const colleague = picksUp(at);
  expect(at.call()).toMatchObject({ number: "2002", consultFor: at.calls()[0]?.id });
  await at.softphone.completeTransfer();
  expect(customer.done).toEqual(["accept", "hold", "transfer to 2002", "hangUp"]);
  expect(colleague.done).toEqual(["hangUp"]);
  expect(at.calls()).toEqual([]);
  expect(at.state().last).toMatchObject({ number: "5550100", outcome: "transferred" });
  expect(at.bench.audio.openCount).toBe(0);
});

it("keeps both calls when the server refuses to connect them", async () => {
  const at = await desk();
  const customer = await answered(at);
  await at.softphone.consult("2002");
  picksUp(at);
  customer.transferAnswer = Promise.reject(failure("server"));
  await at.softphone.completeTransfer();
  expect(at.calls()).toHaveLength(2);
  expect(at.call()).toMatchObject({ number: "2002", notice: { kind: "server" } });
});

it("does not complete before the colleague has answered", async () => {
  const at = await desk();
  const customer = await answered(at);
  await at.softphone.consult("2002");
  await at.softphone.completeTransfer();
  expect(customer.done).toEqual(["accept", "hold"]);
  expect(at.calls()).toHaveLength(2);
});

it("goes back to the customer, whose hold ends", async () => {
  const at = await desk();
  const customer = await answered(at);
  await at.softphone.consult("2002");
  const colleague = picksUp(at);
  await at.softphone.abandonConsult();
  expect(colleague.done).toEqual(["hangUp"]);
  expect(customer.done).toEqual(["accept", "hold", "resume"]);
  expect(at.call()).toMatchObject({ number: "5550100", hold: "none" });
});

it("talks on with what the server left of two calls that it joined", async () => {
  const at = await desk();
  const customer = await answered(at);
  await at.softphone.consult("2002");
  const colleague = picksUp(at);
  const [first, second] = at.calls();
  await at.softphone.merge(second?.id ?? 0, first?.id ?? 0, async () => colleague.end());
  await settle();
  expect(customer.done.at(-1)).toBe("resume");
  expect(at.call()).toMatchObject({ number: "5550100", hold: "none", mergedWith: null });
});

it("keeps both calls when the server did not join them", async () => {
  const at = await desk();
  await answered(at);
  await at.softphone.consult("2002");
  const colleague = picksUp(at);
  const [first, second] = at.calls();
  const refuse = () => Promise.reject(new Error("no"));
  const merged = at.softphone.merge(second?.id ?? 0, first?.id ?? 0, refuse);
  await expect(merged).rejects.toThrow("no");
  expect(at.call()).toMatchObject({ number: "2002", mergedWith: null });
  expect(colleague.done).toEqual([]);
});

it("turns away whoever comes when all its calls are taken", async () => {
  const at = await desk({ callsMax: 2 });
  await answered(at);
  ring(at, "5550200");
  const third = ring(at, "5550300");
  expect(third.done).toEqual(["rejectBusy"]);
});

it("answers by itself when the server orders it, but never over a call", async () => {
  const at = await desk();
  const first = new FakeCall();
  first.autoAnswer = true;
  at.line.handlers.onIncoming(first);
  await settle();
  expect(first.done).toEqual(["accept"]);
  const second = new FakeCall();
  second.autoAnswer = true;
  at.line.handlers.onIncoming(second);
  await settle();
  expect(second.done).toEqual([]);
});

it("sends another microphone into every call", async () => {
  const at = await desk();
  const first = await answered(at);
  const second = await answered(at, "5550200");
  at.bench.audio.replace(new FakeTrack());
  await settle();
  const tracks = [first, second].map(({ peer }) => peer.sender.track);
  expect(tracks[0]).not.toBe(tracks[1]);
  expect(tracks.map((track) => track?.enabled)).toEqual([false, true]);
});

it("learns the server's name for a call that it dialled", async () => {
  const at = await desk();
  await at.softphone.call("2002");
  at.line.calls[0]?.handlers?.onNamed("c-7");
  expect(at.call()?.callRef).toBe("c-7");
});
