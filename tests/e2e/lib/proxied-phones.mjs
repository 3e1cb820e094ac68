import { Baresip } from "./baresip.mjs";
import { eventually } from "./eventually.mjs";
import { Pjsua } from "./pjsua.mjs";

/** What phones at a proxy say, in Hz. */
export const BARESIP_HZ = 700;
export const PJSIP_HZ = 900;

const PATIENCE_MS = 10_000;

/**
 * Runs a test's body with phones at Kamailio, which are switched off behind it. A failure shows what
 * Kamailio and Offhook have logged.
 */
export async function withPhones({ kamailio, server }, body) {
  const phones = [];
  const account = (number) => ({ number, password: "any", server: kamailio.sip });
  const started = async (phone) => {
    phones.push(phone);
    return phone;
  };
  const baresip = async (number, options = {}) =>
    started(await Baresip.start({ ...account(number), microphone: BARESIP_HZ, ...options }));
  const pjsip = async (number, options = {}) =>
    started(await Pjsua.start({ ...account(number), microphone: PJSIP_HZ, ...options }));
  try {
    await body({ baresip, pjsip });
  } catch (error) {
    error.message += `\n--- Kamailio\n${kamailio.log.slice(-6_000)}\n--- Offhook\n${server.log}`;
    throw error;
  } finally {
    await Promise.all(phones.map((phone) => phone.stop()));
  }
}

/** Waits until the door has no call. A BYE is on its way; the door has no event for its arrival. */
export async function noCallIsLeft(ng, door) {
  await eventually(
    async () => (await ng.list(door)).calls,
    (left) => left.length === 0,
    (left) => `${left} did not end`,
    PATIENCE_MS,
  );
}
