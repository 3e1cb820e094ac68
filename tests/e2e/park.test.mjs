// A call is parked by a transfer to 5900 and fetched from there; a colleague picks up what rings elsewhere.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { Api } from "./lib/api.mjs";
import { hearsTone } from "./lib/browser.mjs";
import { eventually } from "./lib/eventually.mjs";
import { BARESIP_HZ, baresip, PJSIP_HZ, phoneTest, pjsip, server, uri } from "./lib/phones.mjs";

const COLLEAGUE_HZ = 500;
/** A recording of baresip's cannot be read whose codec changes on the way. */
const codecs = ["PCMU"];
const PATIENCE_MS = 10_000;

describe("park and pick-up", () => {
  phoneTest("a caller who is parked hears music, and talks with whoever fetches it", async () => {
    const agent = await pjsip("1002");
    const customer = await baresip("1001", { codecs });
    const colleague = await phoneOfColleague();
    await customer.dial(uri("1002"));
    await agent.event("incoming");
    await agent.answer();
    await customer.listenUntil(hearsTone(PJSIP_HZ), "the agent");
    await agent.transfer(uri("5900"));
    await agent.state("DISCONNECTED");
    const isMusic = (heard) => isLoud(heard) && !hearsTone(PJSIP_HZ, 0.3)(heard);
    await customer.listenUntil(isMusic, "music");
    await colleague.dial(uri("5900"));
    await colleague.listenUntil(hearsTone(BARESIP_HZ), "the customer");
    await customer.listenUntil(hearsTone(COLLEAGUE_HZ), "the colleague");
    await customer.hangUp();
    await colleague.event("CALL_CLOSED");
    assert.deepEqual(await numbersOfLegs(), ["1001", "1002", "1003"]);
  });

  phoneTest("a colleague picks up what rings at another phone, which stops ringing", async () => {
    const called = await pjsip("1002");
    const customer = await baresip("1001", { codecs });
    const colleague = await phoneOfColleague();
    await customer.dial(uri("1002"));
    await called.event("incoming");
    await colleague.dial(uri("*81002"));
    await colleague.listenUntil(hearsTone(BARESIP_HZ), "the customer");
    await customer.listenUntil(hearsTone(COLLEAGUE_HZ), "the colleague");
    await called.state("DISCONNECTED");
    await colleague.hangUp();
    await customer.event("CALL_CLOSED");
    assert.deepEqual(await numbersOfLegs(), ["1001", "1002", "1003"]);
  });

  phoneTest("who dials 5900 when nobody is parked is told so", async () => {
    const colleague = await phoneOfColleague();
    await colleague.dial(uri("5900"));
    const closed = await colleague.event("CALL_CLOSED");
    assert.match(JSON.stringify(closed), /480/);
  });
});

function phoneOfColleague() {
  return baresip("1003", { codecs, microphone: COLLEAGUE_HZ, address: "127.0.0.3" });
}

function isLoud({ samples }) {
  const power = samples.reduce((sum, sample) => sum + sample ** 2, 0) / samples.length;
  return power > 1e-4;
}

/** Whose legs the one call has that there was. */
async function numbersOfLegs() {
  const admin = await Api.signIn(server, "admin");
  const { items } = await eventually(
    () => admin.get("calls/history"),
    ({ items }) => items.length === 1,
    ({ items }) => `records: ${JSON.stringify(items)}`,
    PATIENCE_MS,
  );
  const { legs } = await admin.get(`calls/${items[0].id}`);
  return legs.map(({ number }) => number).toSorted();
}
