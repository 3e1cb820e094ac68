// A conference that real phones dial: each hears the others and not itself.
import { after, before, describe, it } from "node:test";
import { Baresip } from "./lib/baresip.mjs";
import { Pjsua } from "./lib/pjsua.mjs";
import { Server } from "./lib/server.mjs";
import { levelDbm0 } from "./lib/tone.mjs";

const ROOM = "sip:3000@offhook.local";
const HEARD_DBM0 = -25;
const UNHEARD_DBM0 = -45;

const PHONES = [
  { kind: Pjsua, number: "1001", microphone: 900, codecs: ["PCMU"], address: "127.0.0.4" },
  { kind: Baresip, number: "1002", microphone: 700, codecs: ["opus"], address: "127.0.0.2" },
  { kind: Pjsua, number: "1003", microphone: 1300, codecs: ["G722"], address: "127.0.0.5" },
];

let server;
const phones = [];

/** Whether the tones of `others` are heard and that of the phone itself is not. */
function hearsOnly(others, own) {
  return ({ samples, rate }) =>
    others.every((hz) => levelDbm0(samples, rate, hz) > HEARD_DBM0) &&
    levelDbm0(samples, rate, own) < UNHEARD_DBM0;
}

async function eachHearsTheOthers(members) {
  for (const { phone, microphone } of members) {
    const others = members.map((other) => other.microphone).filter((hz) => hz !== microphone);
    const what = `${others.join(" and ")} Hz without its own ${microphone} Hz`;
    await phone.listenUntil(hearsOnly(others, microphone), what);
  }
}

describe("a conference", () => {
  before(async () => {
    server = await Server.start();
    for (const { kind, ...options } of PHONES) {
      const { number, microphone } = options;
      const account = { password: `demo-${number}`, server: server.urls.sip_udp };
      phones.push({ phone: await kind.start({ ...account, ...options }), microphone });
    }
  });

  after(async () => {
    await Promise.all(phones.map(({ phone }) => phone.stop()));
    await server?.stop();
  });

  it("lets three phones of three codecs hear each other, and the two that stay", async () => {
    for (const { phone } of phones) await phone.dial(ROOM);
    await eachHearsTheOthers(phones);
    await phones[0].phone.hangUp();
    await phones[0].phone.state("DISCONNECTED");
    const [, second, third] = phones;
    await eachHearsTheOthers([second, third]);
    const gone = (heard) => levelDbm0(heard.samples, heard.rate, 900) < UNHEARD_DBM0;
    await third.phone.listenUntil(gone, "that the first phone is gone");
  });
});
