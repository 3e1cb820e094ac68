// A phone that sends no audio: the record, the metrics and the portal's API say why nobody heard it.
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { Api } from "./lib/api.mjs";
import { eventually } from "./lib/eventually.mjs";
import { Server } from "./lib/server.mjs";

/** Four seconds of audio: a party that sends none for three is silent and not slow. */
const PACKETS_HEARD = 200;
const HEARD_TIMEOUT_MS = 15_000;
const RECORD_TIMEOUT_MS = 10_000;

/** As much of a phone as a call to a number needs; it describes audio and sends none. */
class MutePhone {
  static async open(server) {
    const phone = new MutePhone();
    phone.socket = await socket();
    phone.media = await socket();
    phone.heard = 0;
    phone.media.on("message", () => {
      phone.heard += 1;
    });
    const [host, port] = server.urls.sip_udp.split(":");
    phone.server = { host, port: Number(port) };
    phone.own = `127.0.0.6:${phone.socket.address().port}`;
    return phone;
  }

  async call(number) {
    const sdp = [
      ...["v=0", "o=- 1 1 IN IP4 127.0.0.6", "s=-", "c=IN IP4 127.0.0.6", "t=0 0"],
      ...[`m=audio ${this.media.address().port} RTP/AVP 0`, ""],
    ].join("\r\n");
    const accepted = this.#final();
    this.#send("INVITE", number, 1, `To: <sip:${number}@offhook.local>`, sdp);
    const ok = await accepted;
    assert.match(ok, /^SIP\/2.0 200 /);
    const to = /^To: .*$/im.exec(ok)[0];
    this.#send("ACK", number, 1, to);
    return { bye: () => this.#bye(number, to) };
  }

  async #bye(number, to) {
    const ended = this.#final();
    this.#send("BYE", number, 2, to);
    await ended;
  }

  /** The next response that is final. */
  #final() {
    return new Promise((resolve) => {
      const take = (bytes) => {
        const text = bytes.toString();
        if (!/^SIP\/2.0 [2-6]/.test(text)) return;
        this.socket.off("message", take);
        resolve(text);
      };
      this.socket.on("message", take);
    });
  }

  #send(method, number, cseq, to, body = "") {
    const lines = [
      `${method} sip:${number}@offhook.local SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.own};branch=z9hG4bK${method}${cseq}`,
      "Max-Forwards: 70",
      `From: <sip:mute@offhook.local>;tag=mute`,
      to,
      `Call-ID: mute@${this.own}`,
      `CSeq: ${cseq} ${method}`,
      `Contact: <sip:mute@${this.own}>`,
      ...(body ? ["Content-Type: application/sdp"] : []),
      `Content-Length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ];
    this.socket.send(lines.join("\r\n"), this.server.port, this.server.host);
  }

  close() {
    this.socket.close();
    this.media.close();
  }
}

async function socket() {
  const made = createSocket("udp4");
  made.bind(0, "127.0.0.6");
  await once(made, "listening");
  return made;
}

describe("a call without audio", () => {
  let server;
  let phone;
  before(async () => {
    server = await Server.start();
    phone = await MutePhone.open(server);
  });
  after(async () => {
    phone?.close();
    await server?.stop();
  });

  it("says in its record and in the metrics that nothing was received", async () => {
    const call = await phone.call("9197");
    await eventually(
      () => phone.heard,
      (packets) => packets >= PACKETS_HEARD,
      (packets) => `only ${packets} packets came\n${server.log}`,
      HEARD_TIMEOUT_MS,
    );
    await call.bye();
    const admin = await Api.signIn(server, "admin");
    const { items } = await eventually(
      () => admin.get("calls/history"),
      ({ items }) => items.length > 0,
      () => `the call left no record\n${server.log}`,
      RECORD_TIMEOUT_MS,
    );
    const { verdict, id } = items[0];
    assert.equal(verdict.code, "nothing_received");
    assert.equal(verdict.leg, 0);
    assert.match(verdict.evidence, /No packet came within [3-9] s; \d+ were sent to 127\.0\.0\.6:/);
    assert.ok(verdict.evidence.includes(`127.0.0.6:${phone.media.address().port}`));
    assert.match(verdict.advice, /media ports/);
    const one = await admin.get(`calls/${id}`);
    assert.deepEqual(one.verdict, verdict);
    const metrics = await (await fetch(new URL("metrics", server.portal))).text();
    assert.match(metrics, /offhook_call_verdicts_total\{verdict="nothing_received"\} 1/);
  });
});
