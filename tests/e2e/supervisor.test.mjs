// A supervisor on a call of two phones: who hears which tone in each mode.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Api } from "./lib/api.mjs";
import { Baresip } from "./lib/baresip.mjs";
import { eventually } from "./lib/eventually.mjs";
import { Pjsua } from "./lib/pjsua.mjs";
import { Server } from "./lib/server.mjs";
import { levelDbm0 } from "./lib/tone.mjs";

const HEARD_DBM0 = -25;
const UNHEARD_DBM0 = -45;
const PATIENCE_MS = 15_000;
const CUSTOMER_HZ = 900;
const AGENT_HZ = 700;
const SUPERVISOR_HZ = 1300;
const ALL_HZ = [CUSTOMER_HZ, AGENT_HZ, SUPERVISOR_HZ];

let server;
let api;
let customer;
let agent;
let supervisor;

const PHONES = [
  [Pjsua, { number: "1001", microphone: CUSTOMER_HZ, codecs: ["PCMU"], address: "127.0.0.4" }],
  [Baresip, { number: "1002", microphone: AGENT_HZ, codecs: ["opus"], address: "127.0.0.2" }],
  [Pjsua, { number: "1009", microphone: SUPERVISOR_HZ, codecs: ["G722"], address: "127.0.0.5" }],
];

/** Waits until a phone hears these tones and none of the others. */
function hears(phone, wanted, who) {
  const fits = ({ samples, rate }) =>
    ALL_HZ.every((hz) => {
      const level = levelDbm0(samples, rate, hz);
      return wanted.includes(hz) ? level > HEARD_DBM0 : level < UNHEARD_DBM0;
    });
  return phone.listenUntil(fits, `${who}: ${wanted.join(" and ")} Hz and no other`);
}

/** Waits until customer, agent and supervisor hear what they should. */
async function eachHears({ byCustomer, byAgent, bySupervisor }) {
  await hears(customer, byCustomer, "the customer");
  await hears(agent, byAgent, "the agent");
  await hears(supervisor, bySupervisor, "the supervisor");
}

const BOTH = [CUSTOMER_HZ, AGENT_HZ];
const LISTEN = { byCustomer: [AGENT_HZ], byAgent: [CUSTOMER_HZ], bySupervisor: BOTH };
const WHISPER = { ...LISTEN, byAgent: [CUSTOMER_HZ, SUPERVISOR_HZ] };
const WHISPER_TO_CUSTOMER = { ...LISTEN, byCustomer: [AGENT_HZ, SUPERVISOR_HZ] };
const BARGE = { ...WHISPER, byCustomer: [AGENT_HZ, SUPERVISOR_HZ] };

/** The live calls, once they please. */
function live(accept, what) {
  const calls = async () => (await api.get("calls/active")).items;
  return eventually(calls, accept, () => `${what}\n${server.log}`, PATIENCE_MS);
}

const isSupervised = (mode) => (items) =>
  items.some(({ supervisors }) => supervisors.some((one) => one.mode === mode && !one.ringing));

async function order(method, call, body) {
  const answer = await api.ask(method, `calls/active/${call}/supervise`, { body });
  assert.equal(answer.status, 202, await answer.text());
}

describe("a supervisor on a call", () => {
  before(async () => {
    server = await Server.start();
    const phones = [];
    for (const [kind, options] of PHONES) {
      const account = { password: `demo-${options.number}`, server: server.urls.sip_udp };
      phones.push(await kind.start({ ...account, ...options }));
    }
    [customer, agent, supervisor] = phones;
    api = await Api.signIn(server, "supervisor");
  });

  after(async () => {
    await Promise.all([customer, agent, supervisor].map((phone) => phone?.stop()));
    await server?.stop();
  });

  it("listens, whispers to either side and barges in, by order and by keys, and is let go", async () => {
    await customer.dial("sip:1002@offhook.local");
    await agent.event("CALL_INCOMING");
    await agent.answer();
    await hears(customer, [AGENT_HZ], "the customer");
    const [{ id }] = await live((items) => items.length === 1, "the call is not live");

    await order("POST", id, { mode: "listen" });
    await supervisor.event("incoming");
    await supervisor.answer();
    await live(isSupervised("listen"), "nobody listens");
    await eachHears(LISTEN);
    await order("PUT", id, { mode: "whisper" });
    await eachHears(WHISPER);
    await order("PUT", id, { mode: "whisper", whisper_to: "customer" });
    await eachHears(WHISPER_TO_CUSTOMER);
    await supervisor.press("*3");
    await live(isSupervised("barge"), "the keys do nothing");
    await eachHears(BARGE);
    await supervisor.press("*1");
    await live(isSupervised("listen"), "the keys do nothing");
    await eachHears(LISTEN);

    assert.equal((await api.ask("DELETE", `calls/active/${id}/supervise`)).status, 202);
    await supervisor.state("DISCONNECTED");
    await hears(customer, [AGENT_HZ], "the customer");
    await hears(agent, [CUSTOMER_HZ], "the agent");

    supervisor.forget();
    await supervisor.dial("sip:*341002@offhook.local");
    await supervisor.state("CONFIRMED");
    await eachHears(WHISPER);
    await customer.hangUp();
    await supervisor.state("DISCONNECTED");
    await live((items) => items.length === 0, "a call is left");
  });
});
