// The agent portal over a real call centre: a customer who waits in a queue, agents and a supervisor in browsers.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Api } from "./lib/api.mjs";
import { barriers } from "./lib/axe.mjs";
import {
  dial,
  hearsTone,
  idle,
  launch,
  listenUntil,
  open,
  phase,
  ready,
  signIn,
} from "./lib/browser.mjs";
import { eventually } from "./lib/eventually.mjs";
import { Server } from "./lib/server.mjs";
import { totalDbm0 } from "./lib/tone.mjs";

const isSilent = ({ samples }) => totalDbm0(samples) < -55;

const RECEPTION = "6000";
const CUSTOMER_HZ = 440;
const AGENT_HZ = 1200;
const COLLEAGUE_HZ = 700;
/** The welcome is spoken before the queue is joined. */
const OFFER_TIMEOUT_MS = 30_000;
const PATIENCE_MS = 15_000;

describe("the agent portal", () => {
  let server;
  let customers;
  let agents;
  let colleagues;
  let supervisorApi;
  let visitors = [];
  before(async () => {
    server = await Server.start();
    [customers, agents, colleagues] = await Promise.all([
      launch({ microphone: CUSTOMER_HZ }),
      launch({ microphone: AGENT_HZ }),
      launch({ microphone: COLLEAGUE_HZ }),
    ]);
    supervisorApi = await Api.signIn(server, "supervisor");
  });
  after(async () => {
    for (const machine of [customers, agents, colleagues]) await machine?.close();
    await server?.stop();
  });

  beforeEach(async () => {
    const { items } = await supervisorApi.get("agents");
    for (const { id } of items) {
      const body = { status: "online" };
      const answer = await supervisorApi.ask("PUT", `agents/${id}/status`, { body });
      assert.equal(answer.status, 200);
    }
  });

  // A test that failed half-way is not to spoil the next.
  afterEach(async () => {
    for (const { context } of visitors) await context.close();
    visitors = [];
    // The server waits for pages that are closed in mid-call, since they may be loaded again.
    const { items: left } = await supervisorApi.get("calls/active");
    for (const { id } of left) await supervisorApi.ask("DELETE", `calls/active/${id}`);
    const isDone = ({ state, wrap_up_ends_at }) =>
      wrap_up_ends_at === null && ["offline", "ready", "not_ready"].includes(state);
    await settled(isDone);
    await eventually(
      () => supervisorApi.get("calls/active"),
      ({ items: calls }) => calls.length === 0,
      (calls) => `calls are left: ${JSON.stringify(calls)}`,
      PATIENCE_MS,
    );
  });

  /** Waits until that is true of every agent; a wrap-up on the way is ended, also of one who has left. */
  function settled(accept) {
    const ask = async () => {
      const { items } = await supervisorApi.get("agents");
      for (const { id, wrap_up_ends_at } of items) {
        if (wrap_up_ends_at === null) continue;
        await supervisorApi.ask("POST", `agents/${id}/wrap-up/finish`, { body: {} });
      }
      return items;
    };
    const states = (items) => items.map(({ id, state }) => `${id} is ${state}`).join(", ");
    return eventually(ask, (items) => items.every(accept), states, PATIENCE_MS);
  }

  async function visit(machine, path, context = {}) {
    const visited = await open(machine.browser, new URL(path, server.portal).href, { context });
    visitors.push(visited);
    return visited;
  }

  async function agent(machine, username, context = {}) {
    const visited = await visit(machine, "/agent", context);
    await signIn(visited.page, username, `demo-${username}`);
    return visited;
  }

  async function customer() {
    const visited = await visit(customers, "/");
    await ready(visited.page);
    return visited.page;
  }

  const status = (page, state) =>
    page.locator(`[data-testid=status][data-state=${state}]`).waitFor({ timeout: PATIENCE_MS });

  /** Waits until it is that number whom the page talks to: what is heard is recorded from the current call. */
  const current = (page, number) =>
    page
      .locator(`[data-testid=call][data-phase=active][data-number='${number}']`)
      .waitFor({ timeout: PATIENCE_MS });

  async function choose(page, name) {
    await page.getByTestId("status").click();
    await page.getByRole("menuitem", { name }).first().click();
  }

  /** A customer who came by the reception and talks to agent 2001. */
  async function served(page) {
    await status(page, "ready");
    const caller = await customer();
    await dial(caller, RECEPTION);
    await phase(page, "incoming", OFFER_TIMEOUT_MS);
    await page.keyboard.press("a");
    await phase(page, "active");
    await listenUntil(caller, hearsTone(AGENT_HZ), "the agent");
    await listenUntil(page, hearsTone(CUSTOMER_HZ), "the customer");
    return caller;
  }

  it("an agent takes a caller of a queue by the keyboard, and works on the call afterwards", async () => {
    const { page, complaints } = await agent(agents, "2001");
    await status(page, "ready");
    const caller = await customer();
    await dial(caller, RECEPTION);
    await phase(page, "incoming", OFFER_TIMEOUT_MS);
    assert.match(
      await page.getByTestId("queue-offer").innerText(),
      /For Reception, waited \d+:\d\d/,
    );
    assert.match(await page.title(), /Incoming call/);
    await page.keyboard.press("a");
    await phase(page, "active");
    await status(page, "on_call");
    await listenUntil(caller, hearsTone(AGENT_HZ), "the agent");
    await caller.getByRole("button", { name: "Hang up" }).click();
    await idle(page);
    await status(page, "acw");
    await page.getByTestId("wrap-up").getByRole("button", { name: "30 s more" }).click();
    await page.getByTestId("wrap-up").getByRole("button", { name: "Finish" }).click();
    await status(page, "ready");
    await page.getByTestId("wrap-up").waitFor({ state: "detached" });
    assert.deepEqual(complaints, []);
  });

  it("notes and disposition of a call are kept", async () => {
    const { page } = await agent(agents, "2001");
    const caller = await served(page);
    await page.getByRole("textbox", { name: "Notes" }).fill("Wants two");
    const disposition = page.getByLabel("Disposition");
    const [, first] = await disposition.locator("option").allInnerTexts();
    await disposition.selectOption(first);
    await page.getByText("Saved").waitFor();
    await caller.getByRole("button", { name: "Hang up" }).click();
    await status(page, "acw");
    const notes = page.getByTestId("wrap-up").getByRole("textbox", { name: "Notes" });
    assert.equal(await notes.inputValue(), "Wants two");
    await page.getByRole("button", { name: "Finish" }).click();
    await status(page, "ready");
  });

  it("who is away is offered nothing, and sees who waits", async () => {
    const { page } = await agent(agents, "2001");
    await status(page, "ready");
    await choose(page, "Offline");
    await status(page, "offline");
    await choose(page, "Online");
    await status(page, "ready");
    await page.getByTestId("status").click();
    await page.getByRole("menuitem").nth(1).click();
    await status(page, "not_ready");
    const caller = await customer();
    await dial(caller, RECEPTION);
    const tile = page.locator("[data-testid=queue][data-queue=reception][data-alarm=true]");
    await tile.waitFor({ timeout: OFFER_TIMEOUT_MS });
    assert.match(await tile.innerText(), /Waiting\s+1/);
    assert.equal(await page.getByTestId("call").count(), 0);
    await choose(page, "Online");
    await phase(page, "incoming");
    await page.getByRole("button", { name: "Answer" }).click();
    await phase(page, "active");
  });

  it("a second caller is accepted beside the first, who hears nobody, and the two are swapped", async () => {
    const { page } = await agent(agents, "2001");
    const caller = await served(page);
    const { page: second } = await agent(colleagues, "2002");
    await dial(second, "2001");
    await page.locator("[data-testid=other-call][data-phase=incoming]").waitFor();
    await page.getByRole("button", { name: /^Accept/ }).click();
    await current(page, "2002");
    await listenUntil(page, hearsTone(COLLEAGUE_HZ), "the second caller");
    await listenUntil(second, hearsTone(AGENT_HZ), "the agent");
    await listenUntil(caller, (heard) => !hearsTone(AGENT_HZ, 0.3)(heard), "no agent");
    await page.keyboard.press("s");
    await page.locator("[data-testid=other-call][data-number='2002']").waitFor();
    await listenUntil(page, hearsTone(CUSTOMER_HZ), "the customer again");
    await listenUntil(caller, hearsTone(AGENT_HZ), "the agent again");
    await listenUntil(second, (heard) => !hearsTone(AGENT_HZ, 0.3)(heard), "no agent");
  });

  it("a second caller is rejected, and the first notices nothing", async () => {
    const { page } = await agent(agents, "2001");
    const caller = await served(page);
    const { page: second } = await agent(colleagues, "2002");
    await dial(second, "2001");
    await page.getByRole("button", { name: /^Reject/ }).click();
    await second.getByTestId("failure").waitFor();
    await listenUntil(caller, hearsTone(AGENT_HZ), "the agent still");
  });

  async function asked(page) {
    await page.getByRole("button", { name: "Transfer" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: /2002/ }).click();
    await dialog.getByRole("button", { name: "Ask first" }).click();
  }

  it("a colleague from the directory is asked first, and gets the customer", async () => {
    const { page } = await agent(agents, "2001");
    const { page: colleague } = await agent(colleagues, "2002");
    await status(colleague, "ready");
    await choose(colleague, "Offline");
    const caller = await served(page);
    await asked(page);
    await phase(colleague, "incoming");
    await colleague.getByRole("button", { name: "Answer" }).click();
    await listenUntil(page, hearsTone(COLLEAGUE_HZ), "the colleague");
    await listenUntil(caller, (heard) => !hearsTone(AGENT_HZ, 0.3)(heard), "no agent");
    await page.getByRole("button", { name: "Complete transfer" }).click();
    await idle(page);
    await listenUntil(caller, hearsTone(COLLEAGUE_HZ), "the colleague");
    await listenUntil(colleague, hearsTone(CUSTOMER_HZ), "the customer");
  });

  it("an agent goes back to the customer after a word with a colleague", async () => {
    const { page } = await agent(agents, "2001");
    const { page: colleague } = await agent(colleagues, "2002");
    await status(colleague, "ready");
    await choose(colleague, "Offline");
    const caller = await served(page);
    await asked(page);
    await phase(colleague, "incoming");
    await colleague.getByRole("button", { name: "Answer" }).click();
    await listenUntil(page, hearsTone(COLLEAGUE_HZ), "the colleague");
    await page.getByRole("button", { name: /^Back to/ }).click();
    await idle(colleague);
    await listenUntil(caller, hearsTone(AGENT_HZ), "the agent again");
  });

  it("all three talk when the calls are joined, and the two who are left talk on", async () => {
    const { page, complaints } = await agent(agents, "2001");
    const { page: colleague } = await agent(colleagues, "2002");
    await status(colleague, "ready");
    await choose(colleague, "Offline");
    const caller = await served(page);
    await asked(page);
    await phase(colleague, "incoming");
    await colleague.getByRole("button", { name: "Answer" }).click();
    await listenUntil(page, hearsTone(COLLEAGUE_HZ), "the colleague");
    await page.getByRole("button", { name: "Talk all three" }).click();
    const both = (one, other) => (heard) =>
      hearsTone(one, 0.2)(heard) && hearsTone(other, 0.2)(heard);
    await page.getByText("Three in this call").waitFor();
    await page.getByTestId("other-call").waitFor({ state: "detached" });
    await listenUntil(page, both(CUSTOMER_HZ, COLLEAGUE_HZ), "both others");
    await listenUntil(caller, both(AGENT_HZ, COLLEAGUE_HZ), "both others");
    await listenUntil(colleague, both(CUSTOMER_HZ, AGENT_HZ), "both others");
    await page.getByRole("button", { name: "Hang up" }).click();
    await idle(page);
    await listenUntil(caller, hearsTone(COLLEAGUE_HZ), "the colleague");
    await listenUntil(colleague, hearsTone(CUSTOMER_HZ), "the customer");
    assert.deepEqual(complaints, []);
  });

  it("a supervisor takes a call over, and the customer talks on with the supervisor", async () => {
    const { page } = await agent(agents, "2001");
    const caller = await served(page);
    const { page: board } = await agent(colleagues, "supervisor");
    await board
      .getByTestId("board-call")
      .getByRole("button", { name: /^Supervise/ })
      .click();
    await board.getByRole("menuitem", { name: /Take over/ }).click();
    await phase(board, "incoming");
    await board.getByRole("button", { name: "Answer" }).click();
    await listenUntil(caller, hearsTone(COLLEAGUE_HZ), "the supervisor");
    await listenUntil(board, hearsTone(CUSTOMER_HZ), "the customer");
    await idle(page);
    await status(page, "acw");
  });

  it("a supervisor sees the call on the board, listens in unheard, and leaves", async () => {
    const { page } = await agent(agents, "2001");
    const caller = await served(page);
    const { page: board, complaints } = await agent(colleagues, "supervisor");
    await board
      .getByTestId("board-call")
      .getByRole("button", { name: /^Supervise/ })
      .click();
    await board.getByRole("menuitem", { name: /Listen/ }).click();
    await phase(board, "incoming");
    await board.getByRole("button", { name: "Answer" }).click();
    const both = (heard) => hearsTone(CUSTOMER_HZ, 0.2)(heard) && hearsTone(AGENT_HZ, 0.2)(heard);
    await listenUntil(board, both, "both of them");
    await listenUntil(caller, hearsTone(AGENT_HZ, 0.9), "the agent alone");
    await board
      .getByTestId("board-call")
      .getByRole("button", { name: /^Listening/ })
      .click();
    await board.getByRole("menuitem", { name: "Leave the call" }).click();
    await idle(board);
    await listenUntil(caller, hearsTone(AGENT_HZ), "the agent still");
    assert.deepEqual(complaints, []);
  });

  it("a supervisor changes an agent's state, completes a wrap-up and moves a caller", async () => {
    const { page } = await agent(agents, "2001");
    const caller = await served(page);
    await caller.getByRole("button", { name: "Hang up" }).click();
    await status(page, "acw");
    const { page: board } = await agent(colleagues, "supervisor");
    const row = board.locator("[data-testid=board-agent][data-agent='2001']");
    await row.getByRole("button", { name: /^Finish wrap-up/ }).click();
    await status(page, "ready");
    await row.getByRole("button", { name: /^State of/ }).click();
    await board.getByRole("menuitem").nth(1).click();
    await status(page, "not_ready");
    const waiting = [await customer(), await customer()];
    for (const [index, one] of waiting.entries()) {
      await dial(one, RECEPTION);
      await board.getByTestId("caller-waiting").nth(index).waitFor({ timeout: OFFER_TIMEOUT_MS });
    }
    const before = await board.getByTestId("caller-waiting").allInnerTexts();
    await board
      .getByRole("button", { name: /^Move .* forward$/ })
      .nth(1)
      .click();
    const nameOf = (text) => /^\d+\. (.+?)\s*\d+:\d\d/.exec(text.replaceAll("\n", " "))?.[1];
    await eventually(
      () => board.getByTestId("caller-waiting").allInnerTexts(),
      ([first = ""]) => nameOf(first) === nameOf(before[1]),
      (rows) => `the second of ${before.join(" | ")} should be first in ${rows.join(" | ")}`,
      PATIENCE_MS,
    );
  });

  it("who is no agent has a telephone without a status", async () => {
    const { page, complaints } = await agent(agents, "supervisor");
    await page.getByRole("tab", { name: "Board" }).waitFor();
    assert.equal(await page.getByTestId("status").count(), 0);
    await dial(page, "9197");
    await phase(page, "active");
    await listenUntil(page, hearsTone(1004), "the test tone");
    assert.deepEqual(complaints, []);
  });

  for (const colorScheme of ["light", "dark"]) {
    it(`has no barrier that axe knows, ${colorScheme}`, async () => {
      const { page } = await agent(agents, "supervisor", { colorScheme, bypassCSP: true });
      for (const tab of ["Board", "Queues", "Directory", "History"]) {
        await page.getByRole("tab", { name: tab }).click();
        await page.getByRole("tabpanel").getByLabel("Loading").waitFor({ state: "detached" });
        assert.deepEqual(await barriers(page), [], tab);
      }
      for (const name of ["Settings", "Keys"]) {
        await page.getByRole("button", { name, exact: true }).click();
        await page.getByRole("dialog").waitFor();
        assert.deepEqual(await barriers(page), [], name);
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
      }
    });
  }

  it("fits 320 pixels without scrolling sideways", async () => {
    const { page } = await agent(agents, "2001", { viewport: { width: 320, height: 700 } });
    await status(page, "ready");
    for (const tab of ["Queues", "Directory", "History"]) {
      await page.getByRole("tab", { name: tab }).click();
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 320, `${tab} is ${width} pixels wide`);
    }
  });

  it("a muted microphone stays muted for the second call alone", async () => {
    const { page } = await agent(agents, "2001");
    const caller = await served(page);
    await page.keyboard.press("m");
    await listenUntil(caller, isSilent, "silence");
    const { page: second } = await agent(colleagues, "2002");
    await dial(second, "2001");
    await page.getByRole("button", { name: /^Accept/ }).click();
    await listenUntil(second, hearsTone(AGENT_HZ), "the agent");
  });
});
