// Calls that cannot be made say why, in words.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { dial, idle, launch, open, phase, ready } from "./lib/browser.mjs";
import { Server } from "./lib/server.mjs";
import { TcpRelay } from "./lib/tcp-relay.mjs";

describe("a call that cannot be made", () => {
  let server;
  let chromium;
  before(async () => {
    server = await Server.start();
    chromium = await launch();
  });
  after(async () => {
    await chromium?.close();
    await server?.stop();
  });

  async function failureOf(browser, number) {
    const { page } = await open(browser, server.portal);
    await ready(page);
    await dial(page, number);
    const notice = page.getByTestId("failure");
    await notice.waitFor();
    return { page, kind: await notice.getAttribute("data-kind"), text: await notice.innerText() };
  }

  it("to a number that guests may not dial", async () => {
    const { kind, text } = await failureOf(chromium.browser, "1001");
    assert.equal(kind, "not-allowed");
    assert.match(text, /You may not call this number/);
  });

  it("to what is not a number", async () => {
    const { kind } = await failureOf(chromium.browser, "12+34");
    assert.equal(kind, "bad-number");
  });

  it("without permission to use the microphone", async () => {
    const denied = await launch({ microphone: "denied" });
    try {
      const { kind, text } = await failureOf(denied.browser, "9196");
      assert.equal(kind, "microphone-denied");
      assert.match(text, /Allow the microphone/);
    } finally {
      await denied.close();
    }
  });

  it("without a microphone", async () => {
    const deaf = await launch({ microphone: null });
    try {
      const { kind, text } = await failureOf(deaf.browser, "9196");
      assert.equal(kind, "microphone-missing");
      assert.match(text, /Connect a microphone/);
    } finally {
      await deaf.close();
    }
  });

  it("is cancelled before it is answered", async () => {
    const { page } = await open(chromium.browser, server.portal);
    await ready(page);
    await dial(page, "6000");
    await page.getByRole("button", { name: /Cancel|Hang up/ }).click();
    await idle(page);
    assert.equal(await page.getByTestId("failure").count(), 0);
  });

  it("without a connection, and can be made when it is back", async () => {
    const proxy = await TcpRelay.start(server.portal);
    try {
      const { page } = await open(chromium.browser, proxy.url);
      await ready(page);
      proxy.cut();
      await page.locator("[data-testid=connection]:not([data-phase=connected])").waitFor();
      await dial(page, "9196");
      await page.locator("[data-testid=failure][data-kind=disconnected]").first().waitFor();
      proxy.restore();
      await ready(page);
      await dial(page, "9196");
      await phase(page, "active");
    } finally {
      await proxy.stop();
    }
  });
});
