// The demo's test numbers as a browser hears them.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  dial,
  hangUp,
  hearsTone,
  launch,
  listen,
  listenUntil,
  open,
  phase,
  ready,
} from "./lib/browser.mjs";
import { Server } from "./lib/server.mjs";
import { levelDbm0, share, totalDbm0 } from "./lib/tone.mjs";

describe("a browser that calls the test numbers", () => {
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

  async function call(number) {
    const { page, complaints } = await open(chromium.browser, server.portal);
    await ready(page);
    await dial(page, number);
    await phase(page, "active");
    return { page, complaints };
  }

  it("9197 is 1004 Hz at -10 dBm0", async () => {
    const { page, complaints } = await call("9197");
    const { samples, rate } = await listenUntil(page, hearsTone(1004, 0.95), "1004 Hz");
    const level = levelDbm0(samples, rate, 1004);
    assert.ok(Math.abs(level + 10) <= 2, `the level is ${level.toFixed(1)} dBm0`);
    await hangUp(page);
    assert.deepEqual(complaints, []);
  });

  it("9195 echoes after a pause", async () => {
    const { page } = await call("9195");
    const first = await listen(page, 0.3);
    assert.ok(share(first.samples, first.rate, 440) < 0.5, "the echo came without a pause");
    const heard = await listenUntil(page, hearsTone(440), "440 Hz");
    assert.ok(share(heard.samples, heard.rate, 440) > 0.8);
    await hangUp(page);
  });

  it("9664 plays music: sound whose pitch changes", async () => {
    const { page } = await call("9664");
    await listenUntil(page, ({ samples }) => totalDbm0(samples) > -40, "music");
    const pitches = new Set();
    const changes = (piece) => {
      assert.ok(totalDbm0(piece.samples) < 0, "the music is too loud");
      pitches.add(strongest(piece));
      return pitches.size >= 3;
    };
    await listenUntil(page, changes, "a third pitch");
    await hangUp(page);
  });

  it("6000 welcomes with speech, then takes a message when nobody can take the call", async () => {
    const { page } = await call("6000");
    const speech = await listenUntil(
      page,
      ({ samples }) => totalDbm0(samples) > -35,
      "the welcome",
    );
    assert.ok(share(speech.samples, speech.rate, 440) < 0.5, "that is an echo and no speech");
    // No agent is registered: the tone asks for a message.
    await listenUntil(page, hearsTone(1_000), "the tone", 60_000);
    await hangUp(page);
  });

  it("shows the measured quality of the call", async () => {
    const { page } = await call("9196");
    await page.getByText("Call quality: Good").waitFor();
    await page.getByText("Call quality").click();
    const figures = page.getByTestId("diagnostics");
    await figures.getByText(/opus, 48 kHz/).waitFor();
    await figures.getByText(/DTLS-SRTP/).waitFor();
    await hangUp(page);
  });
});

/** The strongest pitch between 100 and 1000 Hz, in steps of a quarter tone. */
function strongest({ samples, rate }) {
  let best = { hz: 0, part: -1 };
  for (let hz = 100; hz < 1000; hz *= 2 ** (1 / 24)) {
    const part = share(samples, rate, hz);
    if (part > best.part) best = { hz: Math.round(hz), part };
  }
  return best.hz;
}
