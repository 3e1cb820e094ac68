// A server with phones on it, for tests that need nothing else.
import { it } from "node:test";
import { Baresip } from "./baresip.mjs";
import { hearsTone } from "./browser.mjs";
import { Pjsua } from "./pjsua.mjs";
import { Server } from "./server.mjs";

export const BARESIP_HZ = 700;
export const PJSIP_HZ = 900;

export let server;
let phones = [];
/**
 * A test with a server of its own: a phone that is switched off stays registered for a while, and
 * would be rung by the next test. Hooks around each test would also run around each suite.
 */
export function phoneTest(name, body) {
  it(name, async () => {
    server = await Server.start();
    try {
      await body();
    } finally {
      const used = phones;
      phones = [];
      await Promise.all(used.map((phone) => phone.stop()));
      await server.stop();
    }
  });
}

function account(number, transport = "udp") {
  const address = server.urls[`sip_${transport}`];
  return { number, password: `demo-${number}`, server: address, transport };
}

export async function baresip(number, options = {}) {
  const { transport, ...rest } = options;
  const phone = await Baresip.start({
    ...account(number, transport),
    microphone: BARESIP_HZ,
    ...rest,
  });
  phones.push(phone);
  return phone;
}

export async function pjsip(number, options = {}) {
  const { transport, ...rest } = options;
  const phone = await Pjsua.start({ ...account(number, transport), microphone: PJSIP_HZ, ...rest });
  phones.push(phone);
  return phone;
}

export const uri = (number) => `sip:${number}@offhook.local`;

/** PJSIP calls baresip, and each hears the other's tone. */
export async function bothTalk(caller, callee) {
  await caller.dial(uri(callee.number));
  await callee.phone.event("CALL_INCOMING");
  await callee.phone.answer();
  await caller.state("CONFIRMED");
  await caller.listenUntil(hearsTone(BARESIP_HZ), "baresip's 700 Hz");
  await callee.phone.listenUntil(hearsTone(PJSIP_HZ), "PJSIP's 900 Hz");
}

/** Switches a phone off before its test ends. */
export async function switchOff(phone) {
  phones = phones.filter((one) => one !== phone);
  await phone.stop();
}
