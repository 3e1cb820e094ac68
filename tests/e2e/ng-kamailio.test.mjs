// Kamailio with its rtpengine module, and rtpengine-client, in front of Offhook's NG door.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import rtpengine from "rtpengine-client";
import {
  dial,
  hangUp,
  hearsTone,
  launch,
  listenUntil,
  open,
  phase,
  ready,
  signIn,
} from "./lib/browser.mjs";
import { answerWithVideo, callWithVideo, film, seesColour } from "./lib/cameras.mjs";
import { eventually } from "./lib/eventually.mjs";
import { JsSipPage } from "./lib/jssip.mjs";
import { Kamailio } from "./lib/kamailio.mjs";
import { BARESIP_HZ, noCallIsLeft, PJSIP_HZ, withPhones } from "./lib/proxied-phones.mjs";
import { Server } from "./lib/server.mjs";
import { readWav } from "./lib/tone.mjs";

const BROWSER_HZ = 440;
const PATIENCE_MS = 10_000;

let server;
let kamailio;
let ng;
let door;

before(async () => {
  server = await Server.start();
  const [host, port] = server.urls.ng.split(":");
  door = { host, port: Number(port) };
  kamailio = await Kamailio.start({ ng: server.urls.ng });
  ng = new rtpengine.Client({ localAddress: "127.0.0.1", timeout: 5_000 });
});

after(async () => {
  ng?.close();
  await kamailio?.stop();
  await server?.stop();
});

/** A test with phones at Kamailio. */
const callTest = (name, body) => it(name, () => withPhones({ kamailio, server }, body));

const uri = (number) => `sip:${number}@offhook.local`;
const calls = async () => (await ng.list(door)).calls;

/** The packets that came from each of the two parties. */
async function packets(callId) {
  const answer = await ng.query(door, { "call-id": callId });
  assert.equal(answer.result, "ok");
  const tags = Object.values(answer.tags);
  assert.equal(tags.length, 2);
  return tags.map((tag) => tag.medias[0].streams[0].stats.packets);
}

/** The places of the two parties in what a query tells. */
const CALLER = 0;
const CALLEE = 1;

/** How many packets went to a party. */
async function sentTo(callId, party) {
  const { tags } = await ng.query(door, { "call-id": callId });
  return Object.values(tags)[party].medias[0].streams[0].stats_out.packets;
}

/** Waits until packets go to a party, or until none do: there is no event for either. */
async function isSent(callId, party, something) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const before = await sentTo(callId, party);
    await new Promise((resolve) => setTimeout(resolve, 250));
    const count = (await sentTo(callId, party)) - before;
    if (something ? count > 5 : count === 0) return;
    assert.ok(Date.now() < deadline, `${count} packets in 250 ms`);
  }
}

async function bothTalk(caller, callee, number) {
  await caller.dial(uri(number));
  await callee.event("CALL_INCOMING");
  await callee.answer();
  await caller.state("CONFIRMED");
  await caller.listenUntil(hearsTone(BARESIP_HZ), "baresip's 700 Hz");
  await callee.listenUntil(hearsTone(PJSIP_HZ), "PJSIP's 900 Hz");
}

describe("phones at a Kamailio whose media proxy is Offhook", () => {
  callTest("talk, are queried and deleted", async ({ baresip, pjsip }) => {
    const callee = await baresip("1002", { codecs: "PCMU" });
    const caller = await pjsip("1001", { codecs: "PCMU" });
    await bothTalk(caller, callee, "1002");
    const [callId] = await calls();
    for (const count of await packets(callId)) assert.ok(count > 10, `${count} packets`);
    await caller.hangUp();
    await callee.event("CALL_CLOSED");
    await noCallIsLeft(ng, door);
    const gone = await ng.query(door, { "call-id": callId });
    assert.deepEqual([gone.result, gone["error-reason"]], ["error", "Unknown call-id"]);
  });

  callTest("one with SRTP and one without", async ({ baresip, pjsip }) => {
    const callee = await baresip("2002", { codecs: "PCMU", security: "srtp-mand" });
    const caller = await pjsip("1001", { codecs: "PCMU" });
    await bothTalk(caller, callee, "2002");
    await callee.hangUp();
    await caller.state("DISCONNECTED");
    await noCallIsLeft(ng, door);
  });

  callTest("without a codec in common", async ({ baresip, pjsip }) => {
    const callee = await baresip("3002", { codecs: "PCMA" });
    const caller = await pjsip("1001", { codecs: "G722" });
    await bothTalk(caller, callee, "3002");
    await caller.hangUp();
    await callee.event("CALL_CLOSED");
    await noCallIsLeft(ng, door);
  });

  for (const [name, number, security] of [
    ["in a codec that only the phones know", "1002", ""],
    ["in such a codec, one with SRTP and one without", "2002", "srtp-mand"],
  ]) {
    callTest(name, async ({ baresip, pjsip }) => {
      const callee = await baresip(number, { codecs: "GSM", security });
      const caller = await pjsip("1001", { codecs: "GSM" });
      await bothTalk(caller, callee, number);
      const [callId] = await calls();
      for (const count of await packets(callId)) assert.ok(count > 10, `${count} packets`);
      const { tags } = await ng.query(door, { "call-id": callId });
      const codecs = Object.values(tags).map((tag) => tag.medias[0].codec);
      assert.deepEqual(codecs, ["GSM", "GSM"]);
      await caller.hold();
      await isSent(callId, CALLER, false);
      await caller.resume();
      await isSent(callId, CALLER, true);
      await callee.listenUntil(hearsTone(PJSIP_HZ), "900 Hz again");
      await caller.hangUp();
      await callee.event("CALL_CLOSED");
      await noCallIsLeft(ng, door);
    });
  }

  callTest("hold and resume", async ({ baresip, pjsip }) => {
    const callee = await baresip("1002", { codecs: "PCMU" });
    const caller = await pjsip("1001", { codecs: "PCMU" });
    await bothTalk(caller, callee, "1002");
    const [callId] = await calls();
    await caller.hold();
    await isSent(callId, CALLER, false);
    await caller.resume();
    await isSent(callId, CALLER, true);
    await callee.listenUntil(hearsTone(PJSIP_HZ), "900 Hz again");
    await caller.listenUntil(hearsTone(BARESIP_HZ), "700 Hz again");
    await caller.hangUp();
    await callee.event("CALL_CLOSED");
    await noCallIsLeft(ng, door);
  });

  callTest("a call that is cancelled leaves nothing", async ({ baresip, pjsip }) => {
    const callee = await baresip("1002");
    const caller = await pjsip("1001");
    await caller.dial(uri("1002"));
    await callee.event("CALL_INCOMING");
    assert.equal((await calls()).length, 1);
    await caller.hangUp();
    await callee.event("CALL_CLOSED");
    await noCallIsLeft(ng, door);
  });

  callTest("media is blocked, a sound is played, a key is pressed", async ({ baresip, pjsip }) => {
    const callee = await baresip("1002", { codecs: "PCMU" });
    const caller = await pjsip("1001", { codecs: "PCMU" });
    await bothTalk(caller, callee, "1002");
    const [callId] = await calls();
    const { tags } = await ng.query(door, { "call-id": callId });
    const [callerTag, calleeTag] = Object.keys(tags);
    const ask = async (method, keys) => {
      const answer = await ng[method](door, { "call-id": callId, ...keys });
      assert.equal(answer.result, "ok", answer["error-reason"]);
    };
    await ask("blockMedia", { "from-tag": callerTag });
    await isSent(callId, CALLEE, false);
    await ask("unblockMedia", { "from-tag": callerTag });
    await isSent(callId, CALLEE, true);
    await callee.listenUntil(hearsTone(PJSIP_HZ), "PJSIP's 900 Hz again");
    await ask("playMedia", { "from-tag": calleeTag, file: "tone:1500,10000" });
    await callee.listenUntil(hearsTone(1500), "the 1500 Hz that is played");
    await ask("stopMedia", { "from-tag": calleeTag });
    await callee.listenUntil(hearsTone(PJSIP_HZ), "PJSIP's 900 Hz after the sound");
    await ask("playDTMF", { "from-tag": callerTag, code: "7" });
    assert.equal((await callee.event("CALL_DTMF_START")).param, "7");
    await caller.hangUp();
    await callee.event("CALL_CLOSED");
    await noCallIsLeft(ng, door);
  });
});

describe("a recording through the door", () => {
  callTest("has what the recorded party says", async ({ baresip, pjsip }) => {
    const callee = await baresip("1002", { codecs: "PCMU" });
    const caller = await pjsip("1001", { codecs: "PCMU" });
    await bothTalk(caller, callee, "1002");
    const [callId] = await calls();
    const started = await ng.startRecording(door, { "call-id": callId });
    assert.equal(started.result, "ok", started["error-reason"]);
    const file = join(server.dataDir, "recordings", started["recording-file"]);
    const heard = await recorded(file);
    assert.ok(hearsTone(PJSIP_HZ)(heard), "the left channel is the caller");
    assert.equal((await ng.stopRecording(door, { "call-id": callId })).result, "ok");
    await caller.hangUp();
    await callee.event("CALL_CLOSED");
    await noCallIsLeft(ng, door);
  });

  /** The last half second of a recording that is being written, once it has a whole one. */
  async function recorded(file) {
    const { samples, rate } = await eventually(
      async () => readWav(await readFile(file).catch(() => Buffer.alloc(0)), { growing: true }),
      ({ samples, rate }) => samples.length >= rate,
      ({ samples }) => `${file} has ${samples.length} samples`,
      PATIENCE_MS,
    );
    return { samples: samples.subarray(-rate / 2), rate };
  }
});

describe("a browser and a phone at a Kamailio whose media proxy is Offhook", () => {
  let chromium;
  before(async () => {
    chromium = await launch({ microphone: BROWSER_HZ });
  });
  after(() => chromium?.close());

  /** A portal, sent to Kamailio's WebSocket in the place of Offhook's own. */
  async function portal(path = "") {
    const { page } = await open(chromium.browser, `${server.portal}favicon.svg`);
    await page.route(/\/api\/session\/(guest|sip)$/, async (route) => {
      const answer = await route.fetch();
      const credentials = await answer.json();
      const json = { ...credentials, ws_url: kamailio.ws, allowed: null };
      await route.fulfill({ response: answer, json });
    });
    await page.goto(server.portal + path);
    return page;
  }

  callTest("hear each other by DTLS-SRTP and plain RTP", async ({ baresip }) => {
    const phone = await baresip("1002", { codecs: "PCMU", answer: "auto" });
    const page = await portal();
    await ready(page);
    await dial(page, "1002");
    await phase(page, "active");
    await phone.listenUntil(hearsTone(BROWSER_HZ), "the browser's 440 Hz");
    await listenUntil(page, hearsTone(BARESIP_HZ), "the phone's 700 Hz");
    const [callId] = await calls();
    for (const count of await packets(callId)) assert.ok(count > 10, `${count} packets`);
    await hangUp(page);
    await phone.event("CALL_CLOSED");
    await noCallIsLeft(ng, door);
  });

  callTest("hear each other when Opus is transcoded to A-law", async ({ baresip }) => {
    const phone = await baresip("3002", { codecs: "PCMA", answer: "auto" });
    const page = await portal();
    await ready(page);
    await dial(page, "3002");
    await phase(page, "active");
    await phone.listenUntil(hearsTone(BROWSER_HZ), "the browser's 440 Hz");
    await listenUntil(page, hearsTone(BARESIP_HZ), "the phone's 700 Hz");
    await phone.hangUp();
    await noCallIsLeft(ng, door);
  });

  callTest("hear each other when the phone calls", async ({ pjsip }) => {
    const page = await portal("agent");
    await signIn(page, "2001", "demo-2001");
    const phone = await pjsip("1001", { codecs: "PCMU" });
    await phone.dial(uri("2001"));
    await phase(page, "incoming");
    await page.getByRole("button", { name: "Answer" }).click();
    await phone.state("CONFIRMED");
    await phone.listenUntil(hearsTone(BROWSER_HZ), "the browser's 440 Hz");
    await listenUntil(page, hearsTone(PJSIP_HZ), "the phone's 900 Hz");
    await phone.hangUp();
    await noCallIsLeft(ng, door);
  });
});

describe("two browsers with cameras at such a Kamailio", () => {
  let chromium;
  before(async () => {
    chromium = await launch({ microphone: BROWSER_HZ });
  });
  after(() => chromium?.close());

  /** A page that is a JsSIP phone at Kamailio. */
  const phone = (number) =>
    JsSipPage.open(chromium.browser, { portal: server.portal, urls: { ws: kamailio.ws } }, number);

  callTest("see each other, and their reports cross", async () => {
    const [caller, callee] = [await phone("1001"), await phone("1002")];
    await caller.page.evaluate(film, "rgb(250, 0, 0)");
    await callee.page.evaluate(film, "rgb(0, 0, 250)");
    await callee.page.evaluate(answerWithVideo);
    await caller.page.evaluate(callWithVideo, uri("1002"));
    for (const [{ page }, colour] of [
      [caller, 2],
      [callee, 0],
    ]) {
      const isReported = ({ frames, reportedLoss }) => frames > 20 && reportedLoss !== undefined;
      const { codec } = await seesColour(page, colour, PATIENCE_MS, isReported);
      assert.equal(codec, "video/VP8");
    }
    const [callId] = await calls();
    const { tags } = await ng.query(door, { "call-id": callId });
    for (const { medias } of Object.values(tags)) {
      assert.deepEqual(
        medias.map(({ type, codec }) => [type, codec]),
        [
          ["audio", "opus"],
          ["video", "VP8"],
        ],
      );
      for (const { streams } of medias) assert.ok(streams[0].stats.packets > 10);
    }
    await caller.hangUp();
    await noCallIsLeft(ng, door);
  });
});

describe("rtpengine-client", () => {
  const sdp = (port) =>
    `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n` +
    `m=audio ${port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n`;

  it("makes, lists, queries and ends a call", async () => {
    assert.equal((await ng.ping(door)).result, "pong");
    const keys = { "call-id": "by-hand", "from-tag": "a" };
    const offered = await ng.offer(door, { ...keys, sdp: sdp(40_000), replace: ["origin"] });
    assert.equal(offered.result, "ok");
    assert.match(offered.sdp, /m=audio \d+ RTP\/AVP 0\r\n/);
    const answered = await ng.answer(door, { ...keys, "to-tag": "b", sdp: sdp(40_002) });
    assert.equal(answered.result, "ok");
    assert.notEqual(offered.sdp, answered.sdp);
    assert.deepEqual(await calls(), ["by-hand"]);
    const { tags, created } = await ng.query(door, keys);
    assert.deepEqual(Object.keys(tags), ["a"]);
    assert.ok(created > 1_700_000_000);
    const deleted = await ng.delete(door, { ...keys, "delete-delay": 0 });
    assert.equal(deleted.result, "ok");
    assert.deepEqual(await calls(), []);
  });

  it("is told what is wrong", async () => {
    const answer = await ng.offer(door, { "call-id": "x", "from-tag": "a", sdp: "nonsense" });
    assert.equal(answer.result, "error");
    assert.match(answer["error-reason"], /SDP line 1/);
    const unknown = await ng.query(door, { "call-id": "x" });
    assert.equal(unknown["error-reason"], "Unknown call-id");
    const gone = await ng.delete(door, { "call-id": "x", "from-tag": "a" });
    assert.match(gone.warning, /Call-ID not found/);
  });
});
