// Keys of real clients: one press is one digit at the other side, whatever each of them speaks.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { dial, hangUp, launch, open, phase, signIn } from "./lib/browser.mjs";
import { JsSipPage } from "./lib/jssip.mjs";
import { Pjsua } from "./lib/pjsua.mjs";
import { Server } from "./lib/server.mjs";

const KEYS = "1559*0#";
const QUIET_MS = 1_500;

/** The phone answers by itself and tells of keys. */
function phone(server, number, address, options = {}) {
  return Pjsua.start({
    ...{ number, password: `demo-${number}`, server: server.urls.sip_udp, address },
    ...{ codecs: ["PCMU"], answer: "auto", ...options },
  });
}

/** The keys that a phone is told of, until none came for a while. */
async function heard(callee) {
  let keys = "";
  for (;;) {
    const next = await callee.event("dtmf", {}, QUIET_MS + 3_000 * !keys).catch(() => null);
    if (!next) return keys;
    keys += next.digit;
  }
}

/** Lets the page offer PCMU and nothing else. Runs in the page. */
function onlyPcmu() {
  const create = RTCPeerConnection.prototype.createOffer;
  RTCPeerConnection.prototype.createOffer = function createOffer(...options) {
    for (const transceiver of this.getTransceivers()) {
      const { codecs } = RTCRtpSender.getCapabilities("audio");
      const wanted = ({ mimeType, clockRate }) =>
        mimeType === "audio/PCMU" || (mimeType === "audio/telephone-event" && clockRate === 8000);
      transceiver.setCodecPreferences(codecs.filter(wanted));
    }
    return create.apply(this, options);
  };
}

describe("keys", () => {
  let server;
  let callee;
  let chromium;
  before(async () => {
    server = await Server.start();
    callee = await phone(server, "1002", "127.0.0.4");
    chromium = await launch({ microphone: 440 });
  });
  after(async () => {
    await chromium?.close();
    await callee?.stop();
    await server?.stop();
  });

  for (const codec of ["Opus", "PCMU"]) {
    it(`of the portal, which is SIP.js, on ${codec}`, async () => {
      const { page, context } = await open(chromium.browser, "about:blank");
      if (codec === "PCMU") await context.addInitScript(onlyPcmu);
      await page.goto(`${server.portal}agent`);
      await signIn(page, "2001", "demo-2001");
      await dial(page, "1002");
      await phase(page, "active");
      await callee.state("CONFIRMED");
      await page.getByRole("button", { name: "Keypad" }).click();
      const keypad = page.getByLabel("Keypad for this call");
      const keys = heard(callee);
      for (const key of KEYS) await keypad.locator(`[data-key="${key}"]`).click({ delay: 50 });
      assert.equal(await keys, KEYS);
      await hangUp(page);
      await callee.state("DISCONNECTED");
      await context.close();
    });

    it(`of JsSIP on ${codec}, as telephone-events`, async () => {
      await fromJsSip(codec, "RFC2833");
    });
  }

  it("of JsSIP by INFO", async () => {
    await fromJsSip("Opus", "INFO");
  });

  async function fromJsSip(codec, way) {
    const caller = await JsSipPage.open(chromium.browser, server, "1001");
    if (codec === "PCMU") await caller.page.evaluate(onlyPcmu);
    await caller.dial("sip:1002@offhook.local");
    await callee.state("CONFIRMED");
    const keys = heard(callee);
    await caller.press(KEYS, way);
    assert.equal(await keys, KEYS);
    await caller.hangUp();
    await callee.state("DISCONNECTED");
    await caller.context.close();
  }

  it("of PJSIP by INFO", async () => {
    const caller = await phone(server, "1003", "127.0.0.5");
    try {
      await caller.dial("sip:1002@offhook.local");
      await Promise.all([caller.state("CONFIRMED"), callee.state("CONFIRMED")]);
      const keys = heard(callee);
      for (const key of KEYS) await caller.pressByInfo(key);
      assert.equal(await keys, KEYS);
      await caller.hangUp();
      await callee.state("DISCONNECTED");
    } finally {
      await caller.stop();
    }
  });
});
