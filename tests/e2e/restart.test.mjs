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
import { eventually } from "./lib/eventually.mjs";
import { freeTcpPort, freeUdpPort, Kamailio } from "./lib/kamailio.mjs";
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
