// rtpengine-client at Offhook's NG door: who listens in, who is silenced, who is joined.
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { after, afterEach, before, describe as group, it } from "node:test";
import rtpengine from "rtpengine-client";
import { hearsTone } from "./lib/browser.mjs";
import { eventually } from "./lib/eventually.mjs";
import { describe, RtpParty } from "./lib/rtp.mjs";
import { Server } from "./lib/server.mjs";
import { totalDbm0 } from "./lib/tone.mjs";

const A_HZ = 440;
const B_HZ = 1_000;
const SILENCE_DBM0 = -50;
const PATIENCE_MS = 10_000;

let server;
let ng;
let door;
let parties = [];

before(async () => {
  server = await Server.start();
  const [host, port] = server.urls.ng.split(":");
  door = { host, port: Number(port) };
  ng = new rtpengine.Client({ localAddress: "127.0.0.1", timeout: 5_000 });
});

afterEach(() => {
  for (const one of parties) one.close();
  parties = [];
});

after(async () => {
  ng?.close();
  await server?.stop();
});

async function party() {
  const one = await RtpParty.open();
  parties.push(one);
  return one;
}

async function ask(method, keys) {
  const answer = await ng[method](door, keys);
  assert.equal(answer.result, "ok", answer["error-reason"]);
  return answer;
}

/** A command that rtpengine-client does not know, in JSON. */
async function askInJson(keys) {
  const socket = createSocket("udp4");
  try {
    socket.send(`json-${Math.random()} ${JSON.stringify(keys)}`, door.port, door.host);
    const [reply] = await once(socket, "message", { signal: AbortSignal.timeout(PATIENCE_MS) });
    const text = reply.toString();
    return JSON.parse(text.slice(text.indexOf(" ") + 1));
  } finally {
    socket.close();
  }
}

/** Two who talk; both tones are measured. */
async function talking(callId, [aHz, bHz] = [A_HZ, B_HZ]) {
  const [a, b] = [await party(), await party()];
  const keys = { "call-id": callId, "from-tag": `${callId}-a` };
  const offered = await ask("offer", { ...keys, sdp: a.describe() });
  const answered = await ask("answer", { ...keys, "to-tag": `${callId}-b`, sdp: b.describe() });
  b.speak(bHz, offered.sdp);
  a.speak(aHz, answered.sdp);
  await a.listenUntil(hearsTone(bHz), `${bHz} Hz`);
  await b.listenUntil(hearsTone(aHz), `${aHz} Hz`);
  return { a, b };
}

const isSilent = ({ samples }) => totalDbm0(samples) < SILENCE_DBM0;

group("a recorder that subscribes to a call", () => {
  it("hears each party apart until it unsubscribes", async () => {
    const { a, b } = await talking("one");
    const [ofA, ofB] = [await party(), await party()];
    const request = { "call-id": "one", flags: ["all"], "set-label": "recorder" };
    const offer = await ask("subscribeRequest", request);
    assert.deepEqual(offer["from-tags"], ["one-a", "one-b"]);
    assert.equal(offer.sdp.match(/^a=sendonly/gm).length, 2);
    const sdp = describe([ofA.section("recvonly"), ofB.section("recvonly")]);
    const subscription = { "call-id": "one", "to-tag": offer["to-tag"] };
    await ask("subscribeAnswer", { ...subscription, sdp });
    await ofA.listenUntil(hearsTone(A_HZ), "what the caller says");
    await ofB.listenUntil(hearsTone(B_HZ), "what the callee says");
    await a.listenUntil(hearsTone(B_HZ), "the callee as before");
    await b.listenUntil(hearsTone(A_HZ), "the caller as before");
    const { tags } = await ask("query", { "call-id": "one" });
    assert.equal(tags[offer["to-tag"]].label, "recorder");
    await ask("unsubscribe", subscription);
    const again = await ng.unsubscribe(door, subscription);
    assert.match(again["error-reason"], /To-tag not found/);
    const packets = () => ofA.packets + ofB.packets;
    let before = packets();
    const isOver = (count) => {
      const is = count === before;
      before = count;
      return is;
    };
    await eventually(packets, isOver, (count) => `${count} packets`, PATIENCE_MS);
    await ask("delete", { "call-id": "one", "from-tag": "one-a", "delete-delay": 0 });
  });

  it("hears a lone party that publishes", async () => {
    const [publisher, listener] = [await party(), await party()];
    const keys = { "call-id": "lone", "from-tag": "p" };
    const answer = await ask("publish", { ...keys, sdp: publisher.describe("sendonly") });
    assert.match(answer.sdp, /a=recvonly/);
    publisher.speak(A_HZ, answer.sdp);
    const offer = await ask("subscribeRequest", { ...keys, "to-tag": "s" });
    assert.match(offer.sdp, /a=sendonly/);
    const sdp = listener.describe("recvonly");
    await ask("subscribeAnswer", { "call-id": "lone", "to-tag": "s", sdp });
    await listener.listenUntil(hearsTone(A_HZ), "what is published");
    assert.equal(publisher.packets, 0);
    await ask("delete", { ...keys, "delete-delay": 0 });
  });
});

group("a party", () => {
  it("that is silenced is heard as silence in packets that go on", async () => {
    const { a, b } = await talking("quiet");
    const keys = { "call-id": "quiet", "from-tag": "quiet-a" };
    await ask("silenceMedia", keys);
    await b.listenUntil(isSilent, "silence");
    await a.listenUntil(hearsTone(B_HZ), "the other as before");
    await ask("unsilenceMedia", keys);
    await b.listenUntil(hearsTone(A_HZ), "the tone again");
    await ask("delete", { ...keys, "delete-delay": 0 });
  });

  it("is connected with a party of another call", async () => {
    const { a } = await talking("left", [A_HZ, B_HZ]);
    const { b } = await talking("right", [600, 1_400]);
    const connect = { command: "connect", "call-id": "left", "to-call-id": "right" };
    const reply = await askInJson({ ...connect, "from-tag": "left-a", "to-tag": "right-b" });
    assert.equal(reply.result, "ok", reply["error-reason"]);
    await a.listenUntil(hearsTone(1_400), "the party of the other call");
    await b.listenUntil(hearsTone(A_HZ), "the party of this call");
    const { calls } = await ask("list", {});
    assert.deepEqual([...calls].sort(), ["left", "right"]);
    await ask("delete", { "call-id": "right", "from-tag": "left-a", "delete-delay": 0 });
    assert.deepEqual((await ask("list", {})).calls, []);
  });
});

group("what is not served", () => {
  it("is refused by name", async () => {
    await talking("no");
    const forwarding = await ng.startForwarding(door, { "call-id": "no" });
    assert.match(forwarding["error-reason"], /start forwarding is not served/);
    await ask("delete", { "call-id": "no", "from-tag": "no-a", "delete-delay": 0 });
  });
});
