// What phones do with a call beside talking: late offers, reliable ringing, transfer, no answer.
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { Api } from "./lib/api.mjs";
import { dial, hearsTone, launch, listenUntil, open, phase, ready } from "./lib/browser.mjs";
import { eventually } from "./lib/eventually.mjs";
import {
  BARESIP_HZ,
  baresip,
  bothTalk,
  PJSIP_HZ,
  phoneTest,
  pjsip,
  server,
  uri,
} from "./lib/phones.mjs";

describe("an offer that comes late, and again", () => {
  phoneTest("the caller leaves the offer to the server", async () => {
    const callee = await baresip("1002", { codecs: "PCMA" });
    const caller = await pjsip("1001", { codecs: "PCMU" });
    await caller.dialWithoutOffer(uri("1002"));
    await callee.event("CALL_INCOMING");
    await callee.answer();
    await caller.state("CONFIRMED");
    await caller.listenUntil(hearsTone(BARESIP_HZ), "baresip's 700 Hz");
    await callee.listenUntil(hearsTone(PJSIP_HZ), "PJSIP's 900 Hz");
    await caller.hangUp();
    await callee.event("CALL_CLOSED");
  });

  phoneTest("9196 answers a call without an offer", async () => {
    const caller = await pjsip("1001", { codecs: "G722" });
    await caller.dialWithoutOffer(uri("9196"));
    await caller.state("CONFIRMED");
    await caller.listenUntil(hearsTone(PJSIP_HZ), "the echo");
  });

  phoneTest("UPDATE with an offer keeps the call", async () => {
    const callee = await baresip("1002", { codecs: "PCMU" });
    const caller = await pjsip("1001", { codecs: "PCMU" });
    await bothTalk(caller, { phone: callee, number: "1002" });
    await caller.update();
    await caller.event("media");
    await caller.listenUntil(hearsTone(BARESIP_HZ), "700 Hz after UPDATE");
    await caller.hangUp();
    await callee.event("CALL_CLOSED");
  });
});

describe("ringing", () => {
  phoneTest("a phone that demands reliable provisional responses", async () => {
    const callee = await baresip("1002");
    const caller = await pjsip("1001", { prack: true });
    await caller.dial(uri("1002"));
    await callee.event("CALL_INCOMING");
    await caller.state("EARLY");
    await callee.answer();
    await caller.state("CONFIRMED");
    await caller.listenUntil(hearsTone(BARESIP_HZ), "baresip's 700 Hz");
    assert.match(await caller.wholeLog(), /TX .* Request msg PRACK/);
    await caller.hangUp();
    await callee.event("CALL_CLOSED");
  });

  phoneTest("nobody answers within the time that the administrator set", async () => {
    await ringFor("1002", 5);
    const callee = await pjsip("1002", { address: "127.0.0.5" });
    const caller = await pjsip("1001");
    await caller.dial(uri("1002"));
    await callee.event("incoming");
    assert.equal((await caller.state("DISCONNECTED")).code, 480);
    await callee.state("DISCONNECTED");
  });
});

describe("blind transfer between phones", () => {
  phoneTest("the party talks to the third phone, the transferor is out", async () => {
    const transferor = await pjsip("1001");
    const party = await baresip("1002");
    const third = await pjsip("1003", { address: "127.0.0.5", microphone: 1300, answer: "auto" });
    await bothTalk(transferor, { phone: party, number: "1002" });
    await transferor.transfer(uri("1003"));
    await transferor.state("DISCONNECTED");
    await third.state("CONFIRMED");
    await third.listenUntil(hearsTone(BARESIP_HZ), "the party's 700 Hz");
    await party.listenUntil(hearsTone(1300), "the third phone's 1300 Hz");
    await third.hangUp();
    await party.event("CALL_CLOSED");
  });
});

describe("6000 from the customer's browser", () => {
  let chromium;
  before(async () => {
    chromium = await launch({ microphone: 440 });
  });
  after(() => chromium?.close());

  phoneTest("rings an agent's phone after the welcome, and both talk", async () => {
    const phone = await pjsip("2001", { security: "sdes" });
    const { page } = await open(chromium.browser, server.portal);
    await ready(page);
    await dial(page, "6000");
    await phase(page, "active");
    await phone.event("incoming", {}, 30_000);
    await phone.answer();
    await phone.listenUntil(hearsTone(440), "the customer's 440 Hz");
    await listenUntil(page, hearsTone(PJSIP_HZ), "the phone's 900 Hz");
    await phone.hangUp();
    await page.locator("[data-testid=call]").waitFor({ state: "detached", timeout: 30_000 });
  });
});

/** Sets how long an extension rings, as its administrator does. */
async function ringFor(number, seconds) {
  const admin = await Api.signIn(server, "admin");
  const change = { body: { ring_timeout_s: seconds } };
  const answer = await admin.ask("PATCH", `extensions/${number}`, change);
  assert.equal(answer.status, 200, await answer.text());
}

describe("do not disturb by phone", () => {
  phoneTest("*78 keeps calls away until *79, as the API shows", async () => {
    const admin = await Api.signIn(server, "admin");
    const owner = await pjsip("1002");
    const caller = await baresip("1001");
    for (const [code, refuses] of [
      ["*78", true],
      ["*79", false],
    ]) {
      await owner.dial(uri(code));
      await owner.state("DISCONNECTED", 30_000);
      await eventually(
        () => admin.get("extensions/1002"),
        ({ forward }) => forward.do_not_disturb === refuses,
        ({ forward }) => `it is not in force: ${JSON.stringify(forward)}`,
        10_000,
      );
      owner.forget();
      await caller.dial(uri("1002"));
      if (refuses) await caller.event("CALL_CLOSED");
      else await owner.event("incoming");
    }
  });
});
