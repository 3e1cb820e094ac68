// A customer who waits asks to be called back, hangs up and is called at a real phone; and rates a call.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Api } from "./lib/api.mjs";
import { dial, hangUp, hearsTone, idle, listenUntil, open, phase, ready } from "./lib/browser.mjs";
import { eventually } from "./lib/eventually.mjs";
import { BARESIP_HZ, baresip, phoneTest, pjsip, server, uri } from "./lib/phones.mjs";
import { Server } from "./lib/server.mjs";
import { AGENT_HZ, agentPage, customerPage, machines, queueCall } from "./lib/queue-call.mjs";

/** How long until a spoken goodbye is over, and the call with it. */
const GOODBYE_MS = 30_000;

describe("callbacks", () => {
  const launched = machines();

  phoneTest("a customer's page asks for one, and an agent's page calls the phone", async () => {
    const admin = await calledBack();
    const phone = await baresip("1001");
    const agent = await agentPage(launched);
    await status(admin, "away");
    const customer = await customerPage(launched);
    await dial(customer.page, "6000");
    await phase(customer.page, "active");
    await customer.page.getByRole("button", { name: "Call me back instead" }).click();
    await customer.page.getByLabel("Your number").fill("7777");
    await customer.page.keyboard.press("Enter");
    await customer.page.getByText("We cannot call that number").waitFor();
    await customer.page.getByLabel("Your number").fill("1001");
    await customer.page.keyboard.press("Enter");
    const told = customer.page.getByTestId("call-words");
    await told.filter({ hasText: "We will call you back at 1001" }).waitFor();
    await idle(customer.page, GOODBYE_MS);
    const { live } = await admin.get("queues/reception");
    assert.deepEqual(
      live.callers.map(({ number }) => number),
      ["1001"],
    );

    await status(admin, "online");
    await phase(agent.page, "incoming", 30_000);
    const offer = await agent.page.getByTestId("queue-offer").textContent();
    assert.match(offer, /^Callback for Reception, asked \d+:\d\d ago$/);
    await agent.page.getByRole("button", { name: "Answer", exact: true }).click();
    await phone.event("CALL_INCOMING", 30_000);
    await phone.answer();
    await phone.listenUntil(hearsTone(AGENT_HZ), "the agent's tone");
    await listenUntil(agent.page, hearsTone(BARESIP_HZ), "the phone's tone");
    await phone.hangUp();
    await idle(agent.page);

    const { today } = (await admin.get("queues/reception")).live;
    assert.deepEqual([today.offered, today.answered, today.callbacks], [1, 1, 1]);
    const [called] = await history(admin, ({ dialled }) => dialled === "1001");
    assert.deepEqual([called.caller, called.answered_by], ["2001", "1001"]);
    const [asked] = await history(admin, ({ dialled }) => dialled === "6000");
    const [stay] = (await admin.get(`calls/${asked.id}`)).queue_steps;
    assert.deepEqual([stay.outcome, stay.agent, stay.is_callback], ["answered", "2001", true]);
    assert.deepEqual([customer.complaints, agent.complaints], [[], []]);
  });

  phoneTest("a phone asks by a key, is busy at first, and is called again", async () => {
    const admin = await calledBack({ callback_retry_s: 1 });
    await status(admin, "away");
    const agent = await pjsip("2001");
    const phone = await baresip("1001");
    await phone.dial(uri("6000"));
    await phone.event("CALL_ESTABLISHED");
    await eventually(
      async () => (await admin.get("queues/reception")).live,
      ({ waiting }) => waiting === 1,
      (live) => `nobody waits: ${JSON.stringify(live)}`,
      10_000,
    );
    await phone.press("1");
    await phone.event("CALL_CLOSED", GOODBYE_MS);
    phone.forget();

    await status(admin, "online");
    await agent.event("incoming", {}, 30_000);
    await agent.answer();
    await phone.event("CALL_INCOMING", 30_000);
    await phone.hangUp();
    await agent.state("DISCONNECTED", GOODBYE_MS);
    phone.forget();
    await agent.event("incoming", {}, 30_000);
    await agent.answer();
    await phone.event("CALL_INCOMING", 30_000);
    await phone.answer();
    await phone.event("CALL_ESTABLISHED");
    await phone.hangUp();
    const { today } = await eventually(
      async () => (await admin.get("queues/reception")).live,
      ({ today }) => today.answered === 1,
      (live) => `nobody was called back: ${JSON.stringify(live)}\n${server.log}`,
      GOODBYE_MS,
    );
    assert.deepEqual([today.offered, today.overflowed, today.callbacks], [1, 0, 1]);
  });

  it("outlive a server that is killed", async () => {
    const first = await Server.start();
    let second = null;
    try {
      const admin = await calledBack({}, first);
      await status(admin, "away");
      const { page } = await open(launched.customers.browser, first.portal);
      await ready(page);
      await dial(page, "6000");
      await phase(page, "active");
      await page.getByRole("button", { name: "Call me back instead" }).click();
      await page.getByLabel("Your number").fill("1001");
      await page.keyboard.press("Enter");
      await idle(page, GOODBYE_MS);
      await history(admin, ({ dialled }) => dialled === "6000");
      await first.kill();
      second = await Server.start({ dataDir: first.dataDir });
      const again = await Api.signIn(second, "admin");
      const { live } = await again.get("queues/reception");
      assert.deepEqual(
        live.callers.map(({ number }) => number),
        ["1001"],
      );
    } finally {
      await (second ?? first).stop();
    }
  });

  phoneTest("a customer rates a call with an agent, and the agent sees the stars", async () => {
    const { agent, customer } = await queueCall(launched);
    await hangUp(customer.page);
    await customer.page.getByText("How was your call with Agent 2001?").waitFor();
    await customer.page.getByRole("radio", { name: "1 star" }).focus();
    for (let press = 0; press < 3; press += 1) await customer.page.keyboard.press("ArrowRight");
    await customer.page.getByLabel("Anything to add?").fill("Quick and kind.");
    await customer.page.getByRole("button", { name: "Send rating" }).click();
    await customer.page.getByTestId("rated").waitFor();
    const admin = await Api.signIn(server, "admin");
    const [rated] = await history(admin, ({ dialled }) => dialled === "6000");
    const { stars, rating } = await admin.get(`calls/${rated.id}`);
    assert.deepEqual([stars, rating.stars, rating.comment], [4, 4, "Quick and kind."]);
    await agent.page.getByRole("tab", { name: "History" }).click();
    await agent.page.getByRole("img", { name: "Rated 4 of 5" }).waitFor();
    assert.deepEqual([customer.complaints, agent.complaints], [[], []]);
  });
});

/** An administrator's API, after the reception was set to call back. */
async function calledBack(settings = {}, at = server) {
  const admin = await Api.signIn(at, "admin");
  const body = {
    callback_key: "1",
    wrap_up_s: 0,
    join_when_empty: "allow",
    stay_when_empty: "allow",
    ...settings,
  };
  const answer = await admin.ask("PATCH", "queues/reception", { body });
  assert.equal(answer.status, 200, await answer.text());
  return admin;
}

async function status(admin, status) {
  const answer = await admin.ask("PUT", "agents/2001/status", { body: { status } });
  assert.equal(answer.status, 200, await answer.text());
}

/** The calls that ended and are wanted, once there is one. */
async function history(admin, wanted) {
  return eventually(
    async () => (await admin.get("calls/history")).items.filter(wanted),
    (found) => found.length > 0,
    () => `no such call was written down\n${server.log}`,
    10_000,
  );
}
