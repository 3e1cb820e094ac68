// The walking call: the portal dials the echo, and the tone that was sent comes back.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { dial, hearsTone, idle, launch, listenUntil, open, phase, ready } from "./lib/browser.mjs";
import { Server } from "./lib/server.mjs";
import { share } from "./lib/tone.mjs";

describe("a browser that calls the echo", () => {
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

  it("hears its own 440 Hz and hangs up", async () => {
    const { page, complaints } = await open(chromium.browser, server.portal);
    await ready(page);
    await dial(page, "9196");
    await phase(page, "active");
    const heard = await listenUntil(page, hearsTone(440), "440 Hz");
    assert.ok(share(heard.samples, heard.rate, 440) > 0.8);
    await page.getByRole("button", { name: "Hang up" }).click();
    await idle(page);
    await page
      .getByText(/Call with Echo ended/)
      .first()
      .waitFor();
    assert.deepEqual(complaints, []);
  });
});
