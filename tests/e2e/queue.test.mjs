// A customer's browser calls 6000, waits in the queue and talks with an agent: in a browser, and at a phone.
import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { describe } from "node:test";
import { Api } from "./lib/api.mjs";
import { dial, hangUp, hearsTone, idle, listenUntil, phase } from "./lib/browser.mjs";
import { start, stop } from "./lib/child.mjs";
import { eventually } from "./lib/eventually.mjs";
import { BARESIP_HZ, baresip, phoneTest, server } from "./lib/phones.mjs";
import { agentPage, answered, CUSTOMER_HZ, customerPage, machines } from "./lib/queue-call.mjs";

describe("6000 and its queue", () => {
  const launched = machines();

  phoneTest("a customer and an agent hear each other in their browsers", async () => {
    const admin = await Api.signIn(server, "admin");
    const agent = await agentPage(launched);
    await agentIs(admin, "2001", "ready");
    const customer = await customerPage(launched);
    await dial(customer.page, "6000");
    await phase(customer.page, "active");
    await phase(agent.page, "incoming", 30_000);
    await agentIs(admin, "2001", "ringing");
    const { live } = await admin.get("queues/reception");
    assert.deepEqual(
      live.callers.map((caller) => caller.offered_to),
      [["2001"]],
    );
    await answered(agent, customer);
    await agentIs(admin, "2001", "on_call");
    await hangUp(customer.page);
    await idle(agent.page);
    await agentIs(admin, "2001", "acw");
    const done = await admin.ask("POST", "agents/2001/wrap-up/finish");
    assert.equal(done.status, 200, await done.text());
    await agentIs(admin, "2001", "ready");
    const { today } = (await admin.get("queues/reception")).live;
    assert.equal(today.answered, 1);
    assert.equal(today.service_level, 1);
    assert.deepEqual([customer.complaints, agent.complaints], [[], []]);
  });

  phoneTest("a caller waits until an agent is back, and is answered at a phone", async () => {
    const agent = await Api.signIn(server, "2002");
    const phone = await baresip("2002");
    await agentIs(agent, "2002", "ready");
    await setStatus(agent, "away", "Lunch");
    const { page } = await customerPage(launched);
    await dial(page, "6000");
    await phase(page, "active");
    await eventually(
      () => agent.get("queues/reception"),
      ({ live }) => live.waiting === 1,
      ({ live }) => `the caller does not wait: ${JSON.stringify(live)}`,
      10_000,
    );
    await setStatus(agent, "online");
    await phone.event("CALL_INCOMING", 30_000);
    await phone.answer();
    await phone.listenUntil(hearsTone(CUSTOMER_HZ), "the customer's tone");
    await listenUntil(page, hearsTone(BARESIP_HZ), "the phone's tone");
    await phone.hangUp();
    await idle(page);
    await agentIs(agent, "2002", "acw");
  });

  phoneTest(
    "a database that takes nothing holds no call up, and has the record later",
    async () => {
      const admin = await Api.signIn(server, "admin");
      const agent = await agentPage(launched);
      const customer = await customerPage(launched);
      const unlock = await lockDatabase(join(server.dataDir, "offhook.db"));
      try {
        await dial(customer.page, "6000");
        await answered(agent, customer);
        await agentIs(admin, "2001", "on_call");
        await hangUp(customer.page);
        await idle(agent.page);
        await agentIs(admin, "2001", "acw");
        assert.equal((await admin.get("calls/history")).items.length, 0);
      } finally {
        await unlock();
      }
      const { items } = await eventually(
        () => admin.get("calls/history"),
        ({ items }) => items.length > 0,
        () => `the record did not follow\n${server.log}`,
        30_000,
      );
      assert.deepEqual([items[0].answered_by, items[0].queue], ["2001", "reception"]);
    },
  );

  phoneTest("nobody signed in: the caller is asked for a message", async () => {
    const { page } = await customerPage(launched);
    await dial(page, "6000");
    await phase(page, "active");
    await listenUntil(page, hearsTone(1_000), "the tone", 60_000);
    await page.getByRole("button", { name: /Hang up/ }).click();
    await idle(page);
    const admin = await Api.signIn(server, "admin");
    assert.equal((await admin.get("queues/reception")).live.today.overflowed, 1);
  });
});

/** Holds the write lock of an SQLite database until the function that this gives is called. */
async function lockDatabase(path) {
  const hold = `
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
`;
  const python = process.env.OFFHOOK_PYTHON ?? "python3";
  const child = start(python, ["-c", hold, path], { stdio: ["pipe", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return () => stop(child, () => child.stdin.end());
}

async function agentIs(api, agent, state) {
  await eventually(
    () => api.get(`agents/${agent}`),
    (view) => view.state === state,
    (view) => `agent ${agent} is not ${state}: ${JSON.stringify(view)}`,
    10_000,
  );
}

async function setStatus(api, status, reason) {
  const answer = await api.ask("PUT", "agents/2002/status", { body: { status, reason } });
  assert.equal(answer.status, 200, await answer.text());
}
