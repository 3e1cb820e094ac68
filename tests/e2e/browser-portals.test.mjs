// The portals as a person meets them: who may enter, what the keyboard and a screen reader find,
// what a narrow screen shows, and a page that is left open over a restart of the server.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { barriers } from "./lib/axe.mjs";
import { dial, launch, open, phase, ready, signIn } from "./lib/browser.mjs";
import { Server } from "./lib/server.mjs";

const TELEPHONE = { width: 390, height: 844 };

describe("the portals", () => {
  let server;
  let chromium;
  let contexts = [];
  before(async () => {
    server = await Server.start();
    chromium = await launch();
  });
  after(async () => {
    await chromium?.close();
    await server?.stop();
  });
  afterEach(async () => {
    for (const context of contexts) await context.close();
    contexts = [];
  });

  async function visit(path, options = {}) {
    const visited = await open(chromium.browser, new URL(path, server.portal).href, {
      context: options,
    });
    contexts.push(visited.context);
    return visited.page;
  }

  async function enter(page, username, password) {
    await page.locator("input[name=username]").fill(username);
    await page.locator("input[name=password]").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
  }

  for (const colorScheme of ["light", "dark"]) {
    it(`have no barrier that axe knows, ${colorScheme}`, async () => {
      const page = await visit("/", { colorScheme, bypassCSP: true });
      await ready(page);
      assert.deepEqual(await barriers(page), []);
      await dial(page, "5551234");
      await page.getByTestId("failure").waitFor();
      assert.deepEqual(await barriers(page), []);
      await dial(page, "9196");
      await phase(page, "active");
      await page.getByRole("button", { name: "Keypad" }).click();
      await page.getByText("Call quality").click();
      assert.deepEqual(await barriers(page), []);
      await page.getByRole("button", { name: "Transfer" }).click();
      await page.getByRole("dialog").waitFor();
      assert.deepEqual(await barriers(page), []);
      const agent = await visit("/agent", { colorScheme, bypassCSP: true });
      assert.deepEqual(await barriers(agent), []);
      await signIn(agent, "2001", "demo-2001");
      assert.deepEqual(await barriers(agent), []);
      const admin = await visit("/admin", { colorScheme, bypassCSP: true });
      await enter(admin, "admin", "demo-admin");
      await admin.getByText("System: ok").waitFor();
      assert.deepEqual(await barriers(admin), []);
    });
  }

  it("the room that is not there yet is named, and the keyboard stays at the telephone", async () => {
    const page = await visit("/");
    await ready(page);
    await page.getByRole("button", { name: /Call Meeting room/ }).focus();
    await page.keyboard.press("Enter");
    const notice = page.getByTestId("failure");
    await notice.getByText(/Meeting room/).first().waitFor();
    assert.doesNotMatch(await notice.innerText(), /UNALLOCATED_NUMBER/);
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
    assert.equal(await focused(), "Telephone");
    await notice.getByRole("button", { name: "Dismiss" }).press("Enter");
    assert.equal(await focused(), "Telephone");
  });

  it("an account that may not enter is told so at the door", async () => {
    const admin = await visit("/admin");
    await enter(admin, "2001", "demo-2001");
    await admin.getByTestId("failure").getByText("Your account may not do this").waitFor();
    await admin.getByRole("button", { name: "Sign in" }).waitFor();
    const agent = await visit("/agent");
    await enter(agent, "admin", "demo-admin");
    await agent
      .getByTestId("failure")
      .getByText(/no extension/)
      .waitFor();
    await agent.getByRole("button", { name: "Sign in" }).waitFor();
  });

  it("a telephone shows what most people came for first, then the call", async () => {
    const page = await visit("/", { viewport: TELEPHONE, hasTouch: true, isMobile: true });
    await ready(page);
    const inView = (locator) =>
      locator.evaluate((element) => {
        const { top, bottom } = element.getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight;
      });
    assert.ok(await inView(page.getByRole("button", { name: /Talk to us/ })));
    await page.getByRole("button", { name: /Test tone/ }).tap();
    await phase(page, "active");
    assert.ok(await inView(page.getByRole("button", { name: "Hang up" })));
    const agent = await visit("/agent", { viewport: TELEPHONE, hasTouch: true, isMobile: true });
    await signIn(agent, "2001", "demo-2001");
    const header = await agent.locator("header").boundingBox();
    assert.ok(header.height < 70, `the header is ${header.height} pixels high`);
  });

  // The last, since it ends the server's calls and guests.
  it("a page left open over a crash of the server tells what became of the call, and calls again", async () => {
    const page = await visit("/");
    await ready(page);
    await dial(page, "9197");
    await phase(page, "active");
    const { child, dataDir, portal } = server;
    child.kill("SIGKILL");
    await page.getByText("The connection to the server is being restored.").waitFor();
    const env = { OFFHOOK_GATEWAY__HTTP_PORT: new URL(portal).port };
    server = await Server.start({ dataDir, env });
    await page.locator("[data-testid=failure][data-kind=call-lost]").waitFor({ timeout: 45_000 });
    await ready(page);
    await page.getByRole("button", { name: "Call again" }).click();
    await phase(page, "active");
  });
});
