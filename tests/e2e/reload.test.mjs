// A page that is loaded again in mid-call goes on with it: both hear each other within three seconds of loading.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { Api } from "./lib/api.mjs";
import { dial, hangUp, hearsTone, idle, listenUntil, open, phase, signIn } from "./lib/browser.mjs";
import { eventually } from "./lib/eventually.mjs";
import { phoneTest, server } from "./lib/phones.mjs";
import { AGENT_HZ, agentPage, CUSTOMER_HZ, machines, queueCall } from "./lib/queue-call.mjs";

/** Audio is to be back within this time of the page's load. */
const BACK_MS = 3_000;

describe("a page in a queue's call", () => {
  const launched = machines();

  phoneTest(
    "is loaded again, the agent's and then the customer's, and the call goes on",
    async () => {
      const admin = await Api.signIn(server, "admin");
      const { agent, customer } = await queueCall(launched);

      const pages = { agent: agent.page, customer: customer.page };
      for (const who of ["agent", "customer"]) {
        await pages[who].reload();
        const loaded = Date.now();
        await Promise.all([
          listenUntil(agent.page, hearsTone(CUSTOMER_HZ), `the customer after the ${who}'s reload`),
          listenUntil(customer.page, hearsTone(AGENT_HZ), `the agent after the ${who}'s reload`),
        ]);
        const took = Date.now() - loaded;
        console.log(`audio both ways ${took} ms after the load of the ${who}'s page`);
        assert.ok(took < BACK_MS, `${took} ms`);
      }
      const { items } = await admin.get("calls/active");
      assert.equal(items.length, 1);
      await hangUp(customer.page);
      const history = await eventually(
        () => admin.get("calls/history"),
        ({ items }) => items.length > 0,
        () => "there is no record",
        10_000,
      );
      assert.equal(history.items.length, 1);
      assert.equal(history.items[0].answered_by, "2001");
      const { today } = (await admin.get("queues/reception")).live;
      assert.equal(today.answered, 1);
    },
  );

  phoneTest("crashes, and the tab that is opened in its place goes on with the call", async () => {
    const { agent, customer } = await queueCall(launched);
    const crashed = agent.page.waitForEvent("crash");
    agent.page.goto("chrome://crash").catch(() => undefined);
    await crashed;
    const page = await agent.context.newPage();
    await page.goto(`${server.portal}agent`);
    const loaded = Date.now();
    await Promise.all([
      listenUntil(page, hearsTone(CUSTOMER_HZ), "the customer after the crash"),
      listenUntil(customer.page, hearsTone(AGENT_HZ), "the agent after the crash"),
    ]);
    console.log(`audio both ways ${Date.now() - loaded} ms after the load of the new tab`);
    await hangUp(customer.page);
    await idle(page);
  });

  phoneTest("is loaded again while it rings, and rings again", async () => {
    const agent = await agentPage(launched);
    const customer = await open(launched.customers.browser, `${server.portal}agent`);
    await signIn(customer.page, "2003", "demo-2003");
    await dial(customer.page, "2001");
    await phase(agent.page, "incoming");
    await agent.page.reload();
    await phase(agent.page, "incoming");
    await agent.page.getByRole("button", { name: "Answer", exact: true }).click();
    await listenUntil(agent.page, hearsTone(CUSTOMER_HZ), "the caller's tone");
    await listenUntil(customer.page, hearsTone(AGENT_HZ), "the callee's tone");
    await hangUp(customer.page);
  });

  phoneTest("is closed for good, and the call ends with the cause", async () => {
    const admin = await Api.signIn(server, "admin");
    const { customer } = await queueCall(launched);
    await customer.page.close();
    const closed = Date.now();
    const { items } = await eventually(
      () => admin.get("calls/history"),
      ({ items }) => items.length > 0,
      () => "the call does not end",
      90_000,
    );
    console.log(`the call ended ${Date.now() - closed} ms after the page was closed`);
    assert.match(JSON.stringify(items[0]), /DESTINATION_OUT_OF_ORDER/);
  });
});
