// Every call leaves a record of who, when, how long, how it ended and how it sounded.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  dial,
  hangUp,
  hearsTone,
  launch,
  listenUntil,
  open,
  phase,
  ready,
} from "./lib/browser.mjs";
import { Server } from "./lib/server.mjs";

const RECORD_TIMEOUT_MS = 10_000;

describe("the record of a call", () => {
  let server;
  let chromium;
  before(async () => {
    server = await Server.start();
    chromium = await launch({ microphone: 440 });
  });
  after(async () => {
    await chromium?.close();
    await server?.stop();
  });

  it("tells what the browser's call to 9196 was, and the admin page shows it", async () => {
    const { page, context } = await open(chromium.browser, server.portal);
    await ready(page);
    await dial(page, "9196");
    await phase(page, "active");
    await listenUntil(page, hearsTone(440), "440 Hz");
    await hangUp(page);

    await page.goto(`${server.portal}admin`);
    await page.locator("input[name=username]").fill("admin");
    await page.locator("input[name=password]").fill("demo-admin");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Recent calls").waitFor();
    const row = page.getByRole("row").filter({ hasText: "9196" });
    const deadline = Date.now() + RECORD_TIMEOUT_MS;
    while ((await row.count()) === 0 && Date.now() < deadline) {
      await page.getByRole("button", { name: "Refresh" }).click();
      await page.waitForResponse((response) => response.url().includes("/api/calls/history"));
    }
    await row.getByText(/normal clearing \(16\)/).waitFor();

    const answer = await context.request.get(`${server.portal}api/calls/history?limit=10`);
    const { items } = await answer.json();
    assert.equal(items.length, 1);
    const [record] = items;
    assert.match(record.caller, /^guest-/);
    assert.equal(record.dialled, "9196");
    assert.equal(record.hangup_cause, 16);
    assert.equal(record.hung_up_by, "caller");
    assert.equal(record.caller_codec, "opus");
    assert.ok(record.talk_seconds > 0.4 && record.talk_seconds < 30, `${record.talk_seconds} s`);
    assert.ok(record.mos > 4 && record.mos <= 4.5, `MOS ${record.mos}`);
    assert.equal(record.packets_lost, 0);
  });
});
