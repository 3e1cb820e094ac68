// Phones on UDP, TCP and TLS, with each codec and each way of securing media.
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import {
  hangUp,
  hearsTone,
  idle,
  launch,
  listenUntil,
  open,
  phase,
  signIn,
} from "./lib/browser.mjs";
import {
  BARESIP_HZ,
  baresip,
  bothTalk,
  PJSIP_HZ,
  phoneTest,
  pjsip,
  server,
  switchOff,
  uri,
} from "./lib/phones.mjs";
import { Pjsua } from "./lib/pjsua.mjs";
import { levelDbm0, share } from "./lib/tone.mjs";

describe("phones register and talk", () => {
  for (const transport of ["udp", "tcp", "tls"]) {
    phoneTest(`over ${transport}`, async () => {
      const callee = await baresip("1002", { transport });
      const caller = await pjsip("1001", { transport });
      await bothTalk(caller, { phone: callee, number: "1002" });
      await caller.hangUp();
      await callee.event("CALL_CLOSED");
      await caller.state("DISCONNECTED");
    });
  }

  phoneTest("is refused with a wrong password", async () => {
    const address = server.urls.sip_udp;
    await assert.rejects(
      Pjsua.start({ number: "1003", password: "wrong", server: address }),
      /could not register: 40[13]/,
    );
  });
});

describe("a different codec and security on each leg", () => {
  const MATRIX = [
    // PJSIP's codec and security, baresip's codec and security
    ["PCMU", "", "PCMU", ""],
    ["PCMA", "", "PCMU", ""],
    ["G722", "", "PCMA", "srtp-mand"],
    ["PCMU", "sdes", "opus", ""],
    ["G722", "sdes", "PCMU", "srtp"],
    ["PCMU", "", "PCMU", "dtls_srtp"],
    ["PCMA", "sdes", "opus", "dtls_srtp"],
  ];
  for (const [codec, security, otherCodec, otherSecurity] of MATRIX) {
    const name = (one, secured) => `${one} ${secured || "plain"}`;
    phoneTest(`${name(codec, security)} with ${name(otherCodec, otherSecurity)}`, async () => {
      const callee = await baresip("1002", { codecs: otherCodec, security: otherSecurity });
      const caller = await pjsip("1001", { codecs: codec, security });
      await bothTalk(caller, { phone: callee, number: "1002" });
      await callee.hangUp();
      await caller.state("DISCONNECTED");
    });
  }

  phoneTest("over TLS, the called phone speaks DTLS-SRTP alone", async () => {
    const secured = { transport: "tls", codecs: "G722", security: "dtls_srtp" };
    const callee = await baresip("1002", secured);
    const caller = await pjsip("1001", { transport: "tls", codecs: "PCMU", security: "sdes" });
    await bothTalk(caller, { phone: callee, number: "1002" });
    await caller.hangUp();
    await callee.event("CALL_CLOSED");
  });

  // PJSIP's package is built without DTLS, so baresip is the one that offers it.
  for (const [codec, otherCodec, otherSecurity] of [
    ["opus", "PCMU", ""],
    ["G722", "PCMA", "sdes"],
    ["PCMU", "G722", "sdes"],
  ]) {
    phoneTest(`${codec} dtls_srtp with ${otherCodec} ${otherSecurity || "plain"}`, async () => {
      const callee = await pjsip("1001", {
        codecs: otherCodec,
        security: otherSecurity,
        answer: "auto",
      });
      const caller = await baresip("1002", { codecs: codec, security: "dtls_srtp" });
      await caller.dial(uri("1001"));
      await caller.event("CALL_ESTABLISHED");
      await caller.listenUntil(hearsTone(PJSIP_HZ), "PJSIP's 900 Hz");
      await callee.listenUntil(hearsTone(BARESIP_HZ), "baresip's 700 Hz");
      await caller.hangUp();
      await callee.state("DISCONNECTED");
    });
  }
});

describe("the test numbers from a phone", () => {
  phoneTest("9196 echoes each codec", async () => {
    for (const codecs of ["opus", "G722", "PCMU", "PCMA"]) {
      const phone = await baresip("1004", { codecs });
      await phone.dial(uri("9196"));
      await phone.event("CALL_ESTABLISHED");
      await phone.listenUntil(hearsTone(BARESIP_HZ), `the echo in ${codecs}`);
      await phone.hangUp();
      await switchOff(phone);
    }
  });

  phoneTest("9197 is 1004 Hz at -10 dBm0", async () => {
    const phone = await pjsip("1004", { codecs: "PCMA" });
    await phone.dial(uri("9197"));
    await phone.state("CONFIRMED");
    const { samples, rate } = await phone.listenUntil(hearsTone(1004, 0.9), "1004 Hz");
    const level = levelDbm0(samples, rate, 1004);
    assert.ok(Math.abs(level + 10) <= 2, `the level is ${level.toFixed(1)} dBm0`);
  });

  phoneTest("an unknown number is 404", async () => {
    const phone = await pjsip("1004");
    await phone.dial(uri("7777"));
    const { code } = await phone.state("DISCONNECTED");
    assert.equal(code, 404);
  });
});

describe("during a call between phones", () => {
  phoneTest(
    "digits cross between 48 kHz and 8 kHz telephone-event, one press one digit",
    async () => {
      const callee = await baresip("1002", { codecs: "opus" });
      const caller = await pjsip("1001", { codecs: "PCMU" });
      await bothTalk(caller, { phone: callee, number: "1002" });
      await caller.press("5#");
      assert.equal((await callee.event("CALL_DTMF_START")).param, "5");
      assert.equal((await callee.event("CALL_DTMF_START")).param, "#");
      await callee.press("7");
      assert.equal((await caller.event("dtmf")).digit, "7");
      await assert.rejects(caller.event("dtmf", {}, 500), "one press came twice");
      await caller.hangUp();
      await callee.event("CALL_CLOSED");
    },
  );

  phoneTest("hold and resume", async () => {
    const callee = await baresip("1002", { codecs: "PCMU" });
    const caller = await pjsip("1001", { codecs: "PCMU" });
    await bothTalk(caller, { phone: callee, number: "1002" });
    await caller.hold();
    await callee.listenUntil((heard) => !hearsTone(PJSIP_HZ, 0.3)(heard), "no 900 Hz on hold");
    await caller.resume();
    await callee.listenUntil(hearsTone(PJSIP_HZ), "900 Hz again");
    await caller.listenUntil(hearsTone(BARESIP_HZ), "700 Hz again");
    await caller.hangUp();
    await callee.event("CALL_CLOSED");
  });

  phoneTest("cancel while ringing, busy, and no such phone there", async () => {
    const callee = await pjsip("1002", { address: "127.0.0.5" });
    const caller = await pjsip("1001");
    await caller.dial(uri("1002"));
    await callee.event("incoming");
    await caller.state("EARLY");
    await caller.hangUp();
    assert.equal((await caller.state("DISCONNECTED")).code, 487);
    await callee.state("DISCONNECTED");
    await caller.dial(uri("1002"));
    await callee.event("incoming");
    await callee.reject(486);
    assert.equal((await caller.state("DISCONNECTED")).code, 486);
    await caller.dial(uri("1009"));
    assert.equal((await caller.state("DISCONNECTED")).code, 480);
  });
});

describe("a phone and a browser", () => {
  let chromium;
  before(async () => {
    chromium = await launch({ microphone: 440 });
  });
  after(() => chromium?.close());

  async function signedIn() {
    const agent = await open(chromium.browser, `${server.portal}agent`);
    await signIn(agent.page, "2001", "demo-2001");
    return agent;
  }

  phoneTest("the phone calls the browser", async () => {
    const agent = await signedIn();
    const phone = await baresip("1002", { codecs: "PCMA" });
    await phone.dial(uri("2001"));
    await phase(agent.page, "incoming");
    await agent.page.getByRole("button", { name: "Answer" }).click();
    await phone.event("CALL_ESTABLISHED");
    await phone.listenUntil(hearsTone(440), "the browser's 440 Hz");
    const heard = await listenUntil(agent.page, hearsTone(BARESIP_HZ), "the phone's 700 Hz");
    assert.ok(share(heard.samples, heard.rate, BARESIP_HZ) > 0.8);
    await phone.hangUp();
    await idle(agent.page);
  });

  phoneTest("the browser calls the phone and sends it digits", async () => {
    const agent = await signedIn();
    const phone = await pjsip("1001", { codecs: "G722", security: "sdes", answer: "auto" });
    await agent.page.getByLabel("Number to call").fill("1001");
    await agent.page.keyboard.press("Enter");
    await phase(agent.page, "active");
    await phone.listenUntil(hearsTone(440), "the browser's 440 Hz");
    await listenUntil(agent.page, hearsTone(PJSIP_HZ), "the phone's 900 Hz");
    await agent.page.keyboard.type("42#");
    for (const digit of ["4", "2", "#"]) {
      assert.equal((await phone.event("dtmf")).digit, digit);
    }
    await hangUp(agent.page);
    await phone.state("DISCONNECTED");
  });
});
