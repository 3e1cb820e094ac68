// Phones that nobody here wrote: PJSIP and baresip register, call the test numbers and each other.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { BaresipPhone } from "./lib/baresip.mjs";
import { PjsipPhone } from "./lib/pjsip.mjs";
import { Server } from "./lib/server.mjs";
import { levelDbm0, share } from "./lib/tone.mjs";

const LISTENING_S = 1.5;
const LISTEN_TIMEOUT_MS = 8_000;
const PURE = 0.8;

let server;
let folder;

before(async () => {
  server = await Server.start();
  folder = await mkdtemp(join(tmpdir(), "offhook-phones-"));
});

after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Starts phones, runs the test, stops them whatever happens. */
async function withPhones(starts, run) {
  const phones = [];
  try {
    for (const start of starts) phones.push(await start());
    await run(...phones);
  } finally {
    await Promise.all(phones.map((phone) => phone.stop()));
  }
}

const address = (transport) => server.urls[`sip_${transport}`];

const pjsip = (user, config = {}) => () =>
  PjsipPhone.start({
    user,
    password: `demo-${user}`,
    server: address(config.transport ?? "udp"),
    ...config,
  });

const baresip = (user, config = {}) => () =>
  BaresipPhone.start({
    user,
    password: `demo-${user}`,
    server: address(config.transport ?? "udp"),
    ...config,
  });

let recordings = 0;
async function heardBy(phone) {
  if (phone instanceof BaresipPhone) {
    await new Promise((resolve) => setTimeout(resolve, (LISTENING_S + 0.5) * 1000));
    return phone.heard(LISTENING_S);
  }
  recordings += 1;
  return phone.hear(join(folder, `${recordings}.wav`), LISTENING_S);
}

/** Listens until the tone is there: keys and jitter buffers need a moment to settle. */
async function hears(phone, hz) {
  const deadline = Date.now() + LISTEN_TIMEOUT_MS;
  let got = 0;
  do {
    const { samples, rate } = await heardBy(phone);
    got = share(samples.slice(-Math.round(rate)), rate, hz);
  } while (got <= PURE && Date.now() < deadline);
  assert.ok(got > PURE, `${hz} Hz is ${(100 * got).toFixed(0)} % of what is heard`);
}

for (const transport of ["udp", "tcp", "tls"]) {
  test(`PJSIP on ${transport} hears its own 440 Hz from 9196`, () =>
    withPhones([pjsip("1002", { transport, tone: 440 })], async (phone) => {
      await phone.do("call", { to: "9196" });
      await phone.state("CONFIRMED");
      await hears(phone, 440);
      await phone.do("hang_up");
      await phone.state("DISCONNCTD");
    }));
}

test("9197 is 1004 Hz at -10 dBm0", () =>
  withPhones([pjsip("1002")], async (phone) => {
    await phone.do("call", { to: "9197" });
    await phone.state("CONFIRMED");
    const { samples, rate } = await heardBy(phone);
    const tail = samples.slice(-rate);
    assert.ok(share(tail, rate, 1004) > 0.9);
    const level = levelDbm0(tail, rate, 1004);
    assert.ok(Math.abs(level + 10) < 1, `${level.toFixed(2)} dBm0`);
    await phone.do("hang_up");
  }));

/** Codec and security of each leg: the same, then different on each. */
const PJSIP_LEGS = [
  [{ codecs: ["PCMU"] }, { codecs: ["PCMU"] }],
  [{ codecs: ["PCMA"] }, { codecs: ["PCMU"] }],
  [{ codecs: ["G722"] }, { codecs: ["G722"] }],
  [{ codecs: ["G722"] }, { codecs: ["PCMA"] }],
  [{ codecs: ["PCMU"], security: "sdes" }, { codecs: ["PCMU"], security: "sdes" }],
  [{ codecs: ["PCMU"], security: "sdes" }, { codecs: ["PCMA"] }],
  [{ codecs: ["PCMU"], security: "dtls" }, { codecs: ["PCMU"] }],
  [{ codecs: ["PCMU"] }, { codecs: ["G722"], security: "dtls" }],
  [{ codecs: ["G722"], transport: "tls", security: "sdes" }, { transport: "tcp", security: "dtls" }],
];

const describe = ({ transport = "udp", codecs = ["any"], security = "none" }) =>
  `${codecs.join("+")} ${security} ${transport}`;

for (const [a, b] of PJSIP_LEGS) {
  test(`PJSIP ${describe(a)} and PJSIP ${describe(b)} hear each other`, () =>
    withPhones(
      [
        pjsip("1002", { ...a, tone: 440 }),
        pjsip("1003", { ...b, tone: 660, bind: "127.0.0.4" }),
      ],
      async (caller, callee) => {
        await caller.do("call", { to: "1003" });
        await caller.state("CONFIRMED");
        await callee.state("CONFIRMED");
        await Promise.all([hears(caller, 660), hears(callee, 440)]);
        await callee.do("hang_up");
        await caller.state("DISCONNCTD");
      },
    ));
}

const BARESIP_LEGS = [
  { codecs: ["opus"] },
  { codecs: ["opus"], security: "dtls" },
  { codecs: ["pcmu"], security: "sdes", transport: "tls" },
  { codecs: ["g722"], transport: "tcp" },
];

for (const leg of BARESIP_LEGS) {
  test(`baresip ${describe(leg)} calls PJSIP and both hear each other`, () =>
    withPhones(
      [baresip("1004", { ...leg, tone: 440 }), pjsip("1003", { codecs: ["PCMA"], tone: 660 })],
      async (caller, callee) => {
        await caller.command("dial", "sip:1003@offhook.local");
        await caller.event("CALL_ESTABLISHED");
        await callee.state("CONFIRMED");
        await Promise.all([hears(caller, 660), hears(callee, 440)]);
        await caller.command("hangup");
        await callee.state("DISCONNCTD");
      },
    ));

  test(`PJSIP calls baresip ${describe(leg)} and both hear each other`, () =>
    withPhones(
      [pjsip("1003", { codecs: ["PCMU"], tone: 660 }), baresip("1004", { ...leg, tone: 440 })],
      async (caller, callee) => {
        await caller.do("call", { to: "1004" });
        await caller.state("CONFIRMED");
        await Promise.all([hears(caller, 440), hears(callee, 660)]);
        await caller.do("hang_up");
        await callee.event("CALL_CLOSED");
      },
    ));
}

test("baresip hears its own opus from 9196", () =>
  withPhones([baresip("1004", { codecs: ["opus"], tone: 440 })], async (phone) => {
    await phone.command("dial", "sip:9196@offhook.local");
    await phone.event("CALL_ESTABLISHED");
    await hears(phone, 440);
    await phone.command("hangup");
  }));

test("keys pressed on one leg arrive once each on the other", () =>
  withPhones([pjsip("1002"), pjsip("1003", { bind: "127.0.0.4" })], async (caller, callee) => {
    await caller.do("call", { to: "1003" });
    await callee.media();
    await caller.do("dtmf", { digits: "15*#" });
    for (const digit of "15*#") {
      const got = await callee.events.next("a key", (e) => e.event === "dtmf");
      assert.equal(got.digit, digit);
    }
    await caller.do("hang_up");
    await callee.state("DISCONNCTD");
    assert.equal(callee.events.all((e) => e.event === "dtmf").length, 4);
  }));

test("a held party hears hold music, and the other again after resume", () =>
  withPhones(
    [pjsip("1002", { tone: 440 }), pjsip("1003", { bind: "127.0.0.4", tone: 660 })],
    async (caller, callee) => {
      await caller.do("call", { to: "1003" });
      await callee.media();
      await hears(callee, 440);
      await caller.do("hold");
      await caller.events.next("hold", (e) => e.event === "media" && !e.active).catch(() => {});
      const { samples, rate } = await heardBy(callee);
      assert.ok(share(samples.slice(-rate), rate, 440) < 0.3, "the holder is still heard");
      await caller.do("resume");
      await hears(callee, 440);
      await hears(caller, 660);
      await caller.do("hang_up");
    },
  ));

test("busy, declined, no such number: each has its reason", () =>
  withPhones(
    [pjsip("1002"), pjsip("1003", { bind: "127.0.0.4", answer: 486 })],
    async (caller) => {
      await caller.do("call", { to: "1003" });
      assert.equal((await caller.state("DISCONNCTD")).code, 486);
      await caller.do("call", { to: "4711" });
      assert.equal((await caller.state("DISCONNCTD")).code, 404);
      await caller.do("call", { to: "1009" });
      assert.equal((await caller.state("DISCONNCTD")).code, 480);
    },
  ));

test("a caller who cancels stops the ringing", () =>
  withPhones(
    [pjsip("1002"), pjsip("1003", { bind: "127.0.0.4", answer: 180 })],
    async (caller, callee) => {
      await caller.do("call", { to: "1003" });
      await caller.state("EARLY");
      await caller.do("hang_up");
      assert.equal((await callee.state("DISCONNCTD")).code, 487);
    },
  ));

test("a blind transfer joins the party with the target", () =>
  withPhones(
    [
      pjsip("1002", { tone: 440 }),
      pjsip("1003", { bind: "127.0.0.4", tone: 660 }),
      pjsip("1005", { bind: "127.0.0.5", tone: 880 }),
    ],
    async (caller, callee, target) => {
      await caller.do("call", { to: "1003" });
      await callee.media();
      await callee.do("transfer", { to: "1005" });
      await target.state("CONFIRMED");
      await callee.state("DISCONNCTD");
      await Promise.all([hears(caller, 880), hears(target, 440)]);
      await caller.do("hang_up");
      await target.state("DISCONNCTD");
    },
  ));

test("a wrong password is refused", async () => {
  const wrong = { user: "1006", password: "guess", server: address("udp") };
  await assert.rejects(PjsipPhone.start(wrong), /not registered/);
});
