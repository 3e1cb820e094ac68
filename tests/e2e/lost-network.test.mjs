// An agent's network is lost for 20 s in mid-call, and comes back: so does the call, by itself.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as passes } from "node:timers/promises";
import { Api } from "./lib/api.mjs";
import {
  dial,
  EXECUTABLE,
  hangUp,
  hearsTone,
  idle,
  launch,
  listen,
  listenUntil,
  open,
  ready,
  signIn,
} from "./lib/browser.mjs";
import { eventually } from "./lib/eventually.mjs";
import { FarMachine } from "./lib/far-machine.mjs";
import { AGENT_HZ, answered, CUSTOMER_HZ } from "./lib/queue-call.mjs";
import { Server } from "./lib/server.mjs";

/** How long the network is lost: that is what is tested. */
const LOST_MS = 20_000;
/** Audio is to be back within this time of the network's return. */
const BACK_MS = 3_000;

describe("a network that is lost for 20 s", () => {
  let far;
  let server;
  let agents;
  let customers;

  before(async () => {
    far = await FarMachine.make();
    server = await demoAt(far.near);
    const port = new URL(server.portal).port;
    const origin = `http://${far.near}:${port}`;
    const program = await far.program(EXECUTABLE);
    agents = await launch({ microphone: AGENT_HZ, program, trusted: origin });
    customers = await launch({ microphone: CUSTOMER_HZ });
    server.near = `http://127.0.0.1:${port}/`;
    server.far = `${origin}/`;
  });
  after(async () => {
    await agents?.close();
    await customers?.close();
    await server?.stop();
    await far?.remove();
  });

  for (const [how, lose, restore] of [
    ["without a word", () => far.lose(), () => far.restore()],
    ["by a pulled cable", () => far.unplug(), () => far.plug()],
  ]) {
    it(`${how}: the call is kept, and both hear each other again`, async () => {
      const admin = await Api.signIn({ portal: server.near }, "admin");
      const before = (await admin.get("queues/reception")).live.today.answered;
      const agent = await open(agents.browser, `${server.far}agent`);
      await signIn(agent.page, "2001", "demo-2001");
      const customer = await open(customers.browser, server.near);
      await ready(customer.page);
      await dial(customer.page, "6000");
      await answered(agent, customer);

      const [{ id: call }] = (await admin.get("calls/active")).items;
      const recorded = await admin.ask("POST", `calls/active/${call}/recording`);
      assert.equal(recorded.status, 202, await recorded.text());

      await lose();
      await passes(LOST_MS / 2);
      const heard = await listen(customer.page, 0.5);
      assert.ok(!hearsTone(AGENT_HZ, 0.1)(heard), "the agent is heard over a network that is lost");
      const notice = agent.page.getByText("The connection to the server is being restored.");
      await Promise.all([passes(LOST_MS / 2), notice.waitFor({ timeout: LOST_MS / 2 })]);
      await restore();
      const back = Date.now();
      await Promise.all([
        listenUntil(agent.page, hearsTone(CUSTOMER_HZ), "the customer again"),
        listenUntil(customer.page, hearsTone(AGENT_HZ), "the agent again"),
      ]);
      const took = Date.now() - back;
      console.log(`audio both ways ${took} ms after the network's return`);
      assert.ok(took < BACK_MS, `${took} ms`);
      await notice.waitFor({ state: "detached" });

      assert.equal((await admin.get("calls/active")).items.length, 1);
      await hangUp(customer.page);
      await idle(agent.page);
      const { today } = (await admin.get("queues/reception")).live;
      assert.equal(today.answered, before + 1);
      const { items } = await eventually(
        () => admin.get("calls/history"),
        ({ items }) => items.length === before + 1,
        ({ items }) => `there is no record: ${JSON.stringify(items)}`,
        10_000,
      );
      assert.equal(items[0].answered_by, "2001");
      assert.ok(items[0].talk_seconds > LOST_MS / 1_000, `${items[0].talk_seconds} s`);
      const [recording, ...others] = (await admin.get(`recordings?call=${call}`)).items;
      assert.deepEqual([recording.state, others], ["complete", []]);
      assert.ok(recording.seconds > LOST_MS / 1_000, `${recording.seconds} s were recorded`);
      await customer.context.close();
      await agent.context.close();
    });
  }
});

/** The demo listens on loopback only. What it has seeded is served on every address, with media at this one. */
async function demoAt(address) {
  const seeded = await Server.start();
  await seeded.stop({ keepData: true });
  const env = { OFFHOOK_MEDIA__ADVERTISE: `["${address}"]` };
  return Server.start({ dataDir: seeded.dataDir, demo: false, env });
}
