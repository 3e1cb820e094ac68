// A customer's browser that calls 6000 and an agent's that answers, for tests of what follows.
import { after, before } from "node:test";
import { dial, hearsTone, launch, listenUntil, open, phase, ready, signIn } from "./browser.mjs";
import { server } from "./phones.mjs";

export const CUSTOMER_HZ = 440;
export const AGENT_HZ = 620;

/** Launches both machines for the tests of a suite. */
export function machines() {
  const launched = {};
  before(async () => {
    launched.customers = await launch({ microphone: CUSTOMER_HZ });
    launched.agents = await launch({ microphone: AGENT_HZ });
  });
  after(async () => {
    await launched.customers?.close();
    await launched.agents?.close();
  });
  return launched;
}

/** An agent's page that is signed in as 2001. */
export async function agentPage({ agents }) {
  const agent = await open(agents.browser, `${server.portal}agent`);
  await signIn(agent.page, "2001", "demo-2001");
  return agent;
}

/** A customer's page that can call. */
export async function customerPage({ customers }) {
  const customer = await open(customers.browser, server.portal);
  await ready(customer.page);
  return customer;
}

/** Answers what rings on the agent's page; both hear each other. */
export async function answered(agent, customer) {
  await phase(agent.page, "incoming", 30_000);
  await agent.page.getByRole("button", { name: "Answer", exact: true }).click();
  await listenUntil(agent.page, hearsTone(CUSTOMER_HZ), "the customer's tone");
  await listenUntil(customer.page, hearsTone(AGENT_HZ), "the agent's tone");
}

/** The two pages of a call by way of the queue. */
export async function queueCall(launched) {
  const agent = await agentPage(launched);
  const customer = await customerPage(launched);
  await dial(customer.page, "6000");
  await answered(agent, customer);
  return { agent, customer };
}
