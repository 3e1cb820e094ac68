// Calls of a proxy that go on when Offhook is killed and started again.
import assert from "node:assert/strict";
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
} from "./lib/browser.mjs";
import { answerWithVideo, callWithVideo, film, seesColour } from "./lib/cameras.mjs";
import { eventually } from "./lib/eventually.mjs";
import { JsSipPage } from "./lib/jssip.mjs";
import { freeTcpPort, freeUdpPort, Kamailio } from "./lib/kamailio.mjs";
import { PassedParty } from "./lib/passed.mjs";
import { BARESIP_HZ, noCallIsLeft, PJSIP_HZ, withPhones } from "./lib/proxied-phones.mjs";
import { Redis } from "./lib/redis.mjs";
import { Server } from "./lib/server.mjs";

const BROWSER_HZ = 440;
const PATIENCE_MS = 10_000;
/** How long after the start the parties may take to hear each other. */
const AGAIN_MS = 3_000;

const uri = (number) => `sip:${number}@offhook.local`;

for (const store of ["the database", "Redis"]) {
  describe(`Offhook is restarted, and its calls are in ${store}`, () => {
    let redis;
    let server;
    let kamailio;
    let ng;
    let door;
    let env;
    let chromium;

    before(async () => {
      chromium = await launch({ microphone: BROWSER_HZ });
      env = {
        OFFHOOK_NG__PORT: String(await freeUdpPort()),
        OFFHOOK_NG__TCP: "false",
        OFFHOOK_NG__HTTP: "false",
        OFFHOOK_GATEWAY__HTTP_PORT: String(await freeTcpPort()),
      };
      if (store === "Redis") {
        redis = await Redis.start();
        env.OFFHOOK_SHARED_STATE__REDIS_URL = redis.url;
      }
      server = await Server.start({ env });
      const [host, port] = server.urls.ng.split(":");
      door = { host, port: Number(port) };
      kamailio = await Kamailio.start({ ng: server.urls.ng });
      ng = new rtpengine.Client({ localAddress: "127.0.0.1", timeout: 5_000 });
    });

    after(async () => {
      ng?.close();
      await chromium?.close();
      await kamailio?.stop();
      await server?.stop();
      await redis?.stop();
    });

    /** A test with phones at Kamailio. */
    const callTest = (name, body) => it(name, () => withPhones({ kamailio, server }, body));

    const calls = async () => (await ng.list(door)).calls;

    /** The packets that came from each of the two parties. */
    async function packets(callId) {
      const answer = await ng.query(door, { "call-id": callId });
      assert.equal(answer.result, "ok", answer["error-reason"]);
      return Object.values(answer.tags).map((tag) => tag.medias[0].streams[0].stats.packets);
    }

    /** Waits until no packets go to a party of the call any longer. */
    async function nothingIsSentTo(callId, party) {
      let before = -1;
      const stands = async () => {
        const { tags } = await ng.query(door, { "call-id": callId });
        const sent = Object.values(tags)[party].medias[0].streams[0].stats_out.packets;
        const same = sent === before;
        before = sent;
        return same;
      };
      await eventually(stands, Boolean, () => "packets are still sent", PATIENCE_MS);
    }

    /** Ends Offhook, starts it on the same data and waits until all of `heard` come true. */
    async function restart(end, heard) {
      const { dataDir } = server;
      await end(server);
      server = await Server.start({ env, dataDir });
      const begun = Date.now();
      await Promise.all(heard.map((again) => again()));
      const took = Date.now() - begun;
      assert.ok(took < AGAIN_MS, `it took ${took} ms until the parties heard each other`);
    }

    const crash = (running) => running.kill();
    const upgrade = (running) => running.stop({ keepData: true });

    /** What the phone is sent from here on has this tone in it. */
    async function hearsAgain(phone, hz) {
      const before = await phone.heardSeconds();
      await eventually(
        () => phone.heardSeconds(),
        (seconds) => seconds > before + 0.6,
        () => `${hz} Hz: nothing more is heard`,
        AGAIN_MS,
      );
      await phone.listenUntil(hearsTone(hz), `${hz} Hz again`, AGAIN_MS);
    }

    async function bothTalk(caller, callee, number) {
      await caller.dial(uri(number));
      await callee.event("CALL_INCOMING");
      await callee.answer();
      await caller.state("CONFIRMED");
      await caller.listenUntil(hearsTone(BARESIP_HZ), "baresip's 700 Hz");
      await callee.listenUntil(hearsTone(PJSIP_HZ), "PJSIP's 900 Hz");
    }

    callTest("phones with plain RTP, by a crash and by an upgrade", async ({ baresip, pjsip }) => {
      const callee = await baresip("1002", { codecs: "PCMU" });
      const caller = await pjsip("1001", { codecs: "PCMU" });
      await bothTalk(caller, callee, "1002");
      const [callId] = await calls();
      for (const end of [crash, upgrade]) {
        await restart(end, [
          () => hearsAgain(caller, BARESIP_HZ),
          () => hearsAgain(callee, PJSIP_HZ),
        ]);
      }
      assert.deepEqual(await calls(), [callId]);
      for (const count of await packets(callId)) assert.ok(count > 25, `${count} packets`);
      await caller.hold();
      await nothingIsSentTo(callId, 0);
      await caller.resume();
      // baresip records what comes after a hold into another file.
      await callee.listenUntil(hearsTone(PJSIP_HZ), "900 Hz after the hold");
      await hearsAgain(caller, BARESIP_HZ);
      await caller.hangUp();
      await callee.event("CALL_CLOSED");
      await noCallIsLeft(ng, door);
    });

    callTest("a phone with SRTP and one without", async ({ baresip, pjsip }) => {
      const callee = await baresip("2002", { codecs: "PCMU", security: "srtp-mand" });
      const caller = await pjsip("1001", { codecs: "PCMU" });
      await bothTalk(caller, callee, "2002");
      await restart(crash, [
        () => hearsAgain(caller, BARESIP_HZ),
        () => hearsAgain(callee, PJSIP_HZ),
      ]);
      await callee.hangUp();
      await caller.state("DISCONNECTED");
      await noCallIsLeft(ng, door);
    });

    /** A portal, sent to Kamailio's WebSocket in the place of Offhook's own. */
    async function portal() {
      const { page } = await open(chromium.browser, `${server.portal}favicon.svg`);
      await page.route(/\/api\/session\/(guest|sip)$/, async (route) => {
        const answer = await route.fetch();
        const credentials = await answer.json();
        const json = { ...credentials, ws_url: kamailio.ws, allowed: null };
        await route.fulfill({ response: answer, json });
      });
      await page.goto(server.portal);
      return page;
    }

    callTest("two browsers with cameras, and their pictures", async () => {
      const urls = { ws: kamailio.ws };
      const phone = (number) => JsSipPage.open(chromium.browser, { portal: server.portal, urls }, number);
      // Nobody else has these numbers, at which they stay registered.
      const phones = [await phone("1005"), await phone("1006")];
      const [caller, callee] = phones.map(({ page }) => page);
      await caller.evaluate(film, "rgb(250, 0, 0)");
      await callee.evaluate(film, "rgb(0, 0, 250)");
      await callee.evaluate(answerWithVideo);
      await caller.evaluate(callWithVideo, uri("1006"));
      const isSteady = ({ frames }) => frames > 50;
      await seesColour(caller, 2, PATIENCE_MS, isSteady);
      await seesColour(callee, 0, PATIENCE_MS, isSteady);
      // What is shown from here on can only come by the process that follows.
      const filmGreen = (page) =>
        page.evaluate(() => {
          window.colour = "rgb(0, 250, 0)";
        });
      await restart(
        crash,
        [caller, callee].map((page) => async () => {
          await filmGreen(page === caller ? callee : caller);
          await seesColour(page, 1, AGAIN_MS);
        }),
      );
      await caller.evaluate(() => window.session.terminate());
      await noCallIsLeft(ng, door);
      await Promise.all(phones.map(({ context }) => context.close()));
    });

    // 1002 is spoken to in the browser's own codec or PCMU, 3002 in A-law, which is transcoded.
    for (const [number, codecs] of [
      ["1002", "PCMU"],
      ["3002", "PCMA"],
    ]) {
      callTest(`a browser with DTLS-SRTP and ${number} with ${codecs}`, async ({ baresip }) => {
        const phone = await baresip(number, { codecs, answer: "auto" });
        const page = await portal();
        await ready(page);
        await dial(page, number);
        await phase(page, "active");
        await phone.listenUntil(hearsTone(BROWSER_HZ), "the browser's 440 Hz");
        await listenUntil(page, hearsTone(BARESIP_HZ), "the phone's 700 Hz");
        await restart(crash, [
          () => hearsAgain(phone, BROWSER_HZ),
          () => listenUntil(page, hearsTone(BARESIP_HZ), "the phone's 700 Hz again", AGAIN_MS),
        ]);
        await hangUp(page);
        await phone.event("CALL_CLOSED");
        await noCallIsLeft(ng, door);
      });
    }
  });
}

describe("sections that pass as they are", () => {
  let server;
  let ng;
  let door;
  const env = {};

  before(async () => {
    env.OFFHOOK_NG__PORT = String(await freeUdpPort());
    server = await Server.start({ env });
    const [host, port] = server.urls.ng.split(":");
    door = { host, port: Number(port) };
    ng = new rtpengine.Client({ localAddress: "127.0.0.1", timeout: 5_000 });
  });

  after(async () => {
    ng?.close();
    await server?.stop();
  });

  async function ask(method, keys) {
    const answer = await ng[method](door, keys);
    assert.equal(answer.result, "ok", answer["error-reason"]);
    return answer.sdp;
  }

  const ENDS = [
    ["a crash", () => server.kill()],
    ["an upgrade", () => server.stop({ keepData: true })],
  ];

  // A party that is plain on one side and encrypted on the other leaves the numbers to whoever sends.
  for (const [what, kinds] of [
    ["G.729 and a picture", ["audio", "video"]],
    ["a call of nothing but G.729", ["audio"]],
  ]) {
    for (const isCallerEncrypted of [false, true]) {
      const from = isCallerEncrypted ? "SRTP to RTP" : "RTP to SRTP";
      it(`${what}, ${from}`, async () => {
        const caller = await PassedParty.open("caller", { kinds, isEncrypted: isCallerEncrypted });
        const callee = await PassedParty.open("callee", { kinds, isEncrypted: !isCallerEncrypted });
        const parties = [caller, callee];
        const both = (heard) => Promise.all(parties.map(heard));
        try {
          const keys = { "call-id": `${what} ${from}`, "from-tag": "a" };
          const profile = isCallerEncrypted ? "RTP/AVP" : "RTP/SAVP";
          const offer = { ...keys, sdp: caller.describe(), "transport-protocol": profile };
          const offered = await ask("offer", offer);
          const answer = { ...keys, "to-tag": "b", sdp: callee.describe() };
          caller.speak(await ask("answer", answer), callee);
          callee.speak(offered, caller);
          for (const [, end] of ENDS) {
            await both((party) => party.hears(120, PATIENCE_MS));
            await end();
            server = await Server.start({ env, dataDir: server.dataDir });
            await both((party) => party.hears(20, AGAIN_MS));
          }
          assert.deepEqual([caller.faults, callee.faults], [[], []]);
          assert.deepEqual((await ng.list(door)).calls, [keys["call-id"]]);
          await ask("delete", { ...keys, "delete-delay": 0 });
          await noCallIsLeft(ng, door);
        } catch (error) {
          error.message += `\n--- Offhook\n${server.log}`;
          throw error;
        } finally {
          for (const party of parties) party.close();
        }
      });
    }
  }
});
