// Two browsers: an agent's extension calls another, and what can be done during a call.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import {
  dial,
  hangUp,
  hearsTone,
  idle,
  launch,
  listenUntil,
  open,
  phase,
  signIn,
} from "./lib/browser.mjs";
import { Server } from "./lib/server.mjs";
import { TcpRelay } from "./lib/tcp-relay.mjs";
import { totalDbm0 } from "./lib/tone.mjs";

const isSilent = ({ samples }) => totalDbm0(samples) < -55;

describe("two browsers", () => {
  let server;
  let proxy;
  let caller;
  let callee;
  let alice;
  let bob;
  before(async () => {
    server = await Server.start();
    proxy = await TcpRelay.start(server.portal);
    [caller, callee] = await Promise.all([
      launch({ microphone: 440 }),
      launch({ microphone: 1200 }),
    ]);
    alice = await open(caller.browser, `${proxy.url}agent`);
    bob = await open(callee.browser, `${proxy.url}agent`);
    await signIn(alice.page, "2001", "demo-2001");
    await signIn(bob.page, "2002", "demo-2002");
  });
  after(async () => {
    await caller?.close();
    await callee?.close();
    await proxy?.stop();
    await server?.stop();
  });

  // A test that failed half-way is not to spoil the next.
  afterEach(async () => {
    for (const { page } of [alice, bob]) {
      const end = page.getByRole("button", { name: /^(Hang up|Cancel|Decline)$/ });
      if (await end.count()) await end.first().click();
      await idle(page);
    }
  });

  async function connected() {
    await dial(alice.page, "2002");
    await phase(bob.page, "incoming");
    await phase(alice.page, "ringing");
    await bob.page.getByRole("button", { name: "Answer" }).click();
    await Promise.all([phase(alice.page, "active"), phase(bob.page, "active")]);
    await listenUntil(alice.page, hearsTone(1200), "Bob's 1200 Hz");
    await listenUntil(bob.page, hearsTone(440), "Alice's 440 Hz");
  }

  async function over() {
    await Promise.all([idle(alice.page), idle(bob.page)]);
  }

  it("hear each other, and the callee hangs up", async () => {
    await connected();
    await bob.page.getByTestId("call").getByText("2001").first().waitFor();
    await hangUp(bob.page);
    await over();
    assert.deepEqual([...alice.complaints, ...bob.complaints], []);
  });

  it("mute: the other side hears nothing until it is lifted", async () => {
    await connected();
    await alice.page.keyboard.press("m");
    await alice.page.getByRole("button", { name: "Unmute" }).waitFor();
    await listenUntil(bob.page, isSilent, "silence");
    await alice.page.keyboard.press("m");
    await listenUntil(bob.page, hearsTone(440), "440 Hz again");
    await hangUp(alice.page);
    await over();
  });

  it("hold and resume: the held side hears no voice meanwhile", async () => {
    await connected();
    await alice.page.getByRole("button", { name: "Hold" }).click();
    await alice.page.getByText("On hold", { exact: true }).first().waitFor();
    await listenUntil(bob.page, (heard) => !hearsTone(440, 0.3)(heard), "no voice");
    await alice.page.getByRole("button", { name: "Resume" }).click();
    await alice.page.getByRole("button", { name: "Hold" }).waitFor();
    await listenUntil(bob.page, hearsTone(440), "440 Hz again");
    await listenUntil(alice.page, hearsTone(1200), "1200 Hz again");
    await hangUp(alice.page);
    await over();
  });

  it("decline ends the caller's call with a reason", async () => {
    await dial(alice.page, "2002");
    await phase(bob.page, "incoming");
    await bob.page.getByRole("button", { name: "Decline" }).click();
    const notice = alice.page.getByTestId("failure");
    await notice.waitFor();
    assert.match(await notice.innerText(), /declined/);
    await notice.getByRole("button", { name: "Dismiss" }).click();
  });

  it("cancel stops the ringing", async () => {
    await dial(alice.page, "2002");
    await phase(bob.page, "incoming");
    await alice.page.getByRole("button", { name: "Cancel" }).click();
    await over();
    await bob.page
      .getByText(/Missed call/)
      .first()
      .waitFor();
  });

  it("a second caller rings beside the call, and is told when that is declined", async () => {
    await connected();
    const third = await open(caller.browser, `${proxy.url}agent`);
    await signIn(third.page, "2003", "demo-2003");
    await dial(third.page, "2002");
    await bob.page.getByTestId("other-call").getByRole("button", { name: /^Reject/ }).click();
    const notice = third.page.getByTestId("failure");
    await notice.waitFor();
    assert.equal(await notice.getAttribute("data-kind"), "declined");
    await third.context.close();
    await listenUntil(bob.page, hearsTone(440), "440 Hz still");
    await hangUp(alice.page);
    await over();
  });

  it("blind transfer: the other side goes on with the new number", async () => {
    await connected();
    await alice.page.getByRole("button", { name: "Transfer" }).click();
    await alice.page.getByRole("dialog").getByLabel("Number").fill("9197");
    await alice.page.getByRole("dialog").getByRole("button", { name: "Transfer" }).click();
    await idle(alice.page);
    await listenUntil(bob.page, hearsTone(1004, 0.9), "the test tone");
    await hangUp(bob.page);
    await over();
  });

  it("a transfer to nowhere keeps the call", async () => {
    await connected();
    await alice.page.getByRole("button", { name: "Transfer" }).click();
    await alice.page.getByRole("dialog").getByLabel("Number").fill("7777");
    await alice.page.getByRole("dialog").getByRole("button", { name: "Transfer" }).click();
    await alice.page.getByTestId("failure").waitFor();
    await listenUntil(bob.page, hearsTone(440), "440 Hz still");
    await hangUp(alice.page);
    await over();
  });

  async function cutAndReconnected() {
    proxy.cut();
    for (const { page } of [alice, bob]) {
      await page.locator("[data-testid=connection]:not([data-phase=connected])").waitFor();
    }
    proxy.restore();
    for (const { page } of [alice, bob]) {
      await page.locator("[data-testid=connection][data-registration=registered]").waitFor();
    }
  }

  it("the socket is cut: the call goes on, and the extension is registered again", async () => {
    await connected();
    await cutAndReconnected();
    await listenUntil(bob.page, hearsTone(440), "440 Hz after the cut");
    await hangUp(alice.page);
    await over();
    await connected();
    await hangUp(alice.page);
    await over();
  });

  it("the socket is cut: the end of the call is told through the new one", async () => {
    await connected();
    await cutAndReconnected();
    await hangUp(bob.page);
    await over();
  });
});
