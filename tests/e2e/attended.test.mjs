// An agent consults somebody and then lets the customer talk with them: who hears whom at each step.
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { Api } from "./lib/api.mjs";
import { dial, hangUp, hearsTone, launch, listenUntil, open, phase, ready, signIn } from "./lib/browser.mjs";
import { eventually } from "./lib/eventually.mjs";
import { baresip, BARESIP_HZ, phoneTest, pjsip, PJSIP_HZ, server, uri } from "./lib/phones.mjs";

const TARGET_HZ = 500;
const BROWSER_HZ = 440;
const CUSTOMER_BROWSER_HZ = 620;

describe("attended transfer", () => {
  let browsers;
  let customers;
  before(async () => {
    browsers = await launch({ microphone: BROWSER_HZ });
    customers = await launch({ microphone: CUSTOMER_BROWSER_HZ });
  });
  after(async () => {
    await browsers?.close();
    await customers?.close();
  });

  phoneTest("PJSIP hands a baresip customer over to a baresip colleague", async () => {
    const agent = await pjsip("1002");
    // One codec: a recording of baresip's cannot be read whose codec changes on the way.
    const codecs = ["PCMU"];
    const customer = await baresip("1001", { codecs });
    const target = await baresip("1003", { codecs, microphone: TARGET_HZ, address: "127.0.0.3" });
    await customer.dial(uri("1002"));
    await agent.event("incoming");
    await agent.answer();
    await customer.listenUntil(hearsTone(PJSIP_HZ), "the agent");
    await agent.hold();
    await agent.consult(uri("1003"));
    await target.event("CALL_INCOMING");
    await target.answer();
    await target.listenUntil(hearsTone(PJSIP_HZ), "the agent who consults");
    await agent.transferToConsulted();
    await customer.listenUntil(hearsTone(TARGET_HZ), "the colleague");
    await target.listenUntil(hearsTone(BARESIP_HZ), "the customer");
    await customer.hangUp();
    await target.event("CALL_CLOSED");
    await records("1001", "1002", 3);
  });

  phoneTest("PJSIP hands a customer's browser over to an agent's browser", async () => {
    const agent = await pjsip("1002");
    const colleague = await open(browsers.browser, `${server.portal}agent`);
    await signIn(colleague.page, "2001", "demo-2001");
    const customer = await open(customers.browser, `${server.portal}agent`);
    await signIn(customer.page, "2003", "demo-2003");
    await dial(customer.page, "1002");
    await agent.event("incoming");
    await agent.answer();
    await phase(customer.page, "active");
    await listenUntil(customer.page, hearsTone(PJSIP_HZ), "the agent");
    await agent.hold();
    await agent.consult(uri("2001"));
    await phase(colleague.page, "incoming");
    await colleague.page.getByRole("button", { name: "Answer", exact: true }).click();
    await listenUntil(colleague.page, hearsTone(PJSIP_HZ), "the agent who consults");
    await agent.transferToConsulted();
    await listenUntil(customer.page, hearsTone(BROWSER_HZ), "the colleague");
    await listenUntil(colleague.page, hearsTone(CUSTOMER_BROWSER_HZ), "the customer");
    await hangUp(customer.page);
    await records("2003", "1002", 3);
  });
});

/** The customer's call has every leg and who answered it; the consultation says that it was handed over. */
async function records(customer, agent, legs) {
  const admin = await Api.signIn(server, "admin");
  const { items } = await eventually(
    () => admin.get("calls/history"),
    ({ items }) => items.length === 2,
    ({ items }) => `records: ${JSON.stringify(items)}`,
    10_000,
  );
  const call = items.find((item) => item.caller === customer);
  const consulted = items.find((item) => item.caller === agent);
  assert.equal(call.answered_by, agent);
  assert.match(JSON.stringify(consulted), /ATTENDED_TRANSFER/);
  const whole = await admin.get(`calls/${call.id ?? call.call}`);
  assert.equal(whole.legs.length, legs);
}
