// How long it takes from an agent's press of Answer until both hear each other, in Chromium.
// `OFFHOOK_BIN=… node tests/e2e/measure/accept-audio.mjs [calls]`.
import { Api } from "../lib/api.mjs";
import { dial, idle, launch, open, phase, ready, signIn } from "../lib/browser.mjs";
import { percentiles } from "../lib/percentiles.mjs";
import { Server } from "../lib/server.mjs";

const CALLS = Number(process.argv[2] ?? 20);
const CUSTOMER_HZ = 440;
const AGENT_HZ = 620;
const OFFER_TIMEOUT_MS = 30_000;

const server = await Server.start();
const [customers, agents] = await Promise.all([
  launch({ microphone: CUSTOMER_HZ }),
  launch({ microphone: AGENT_HZ }),
]);
try {
  const api = await Api.signIn(server, "supervisor");
  const agent = await open(agents.browser, `${server.portal}agent`);
  await signIn(agent.page, "2001", "demo-2001");
  const customer = await open(customers.browser, server.portal);
  await ready(customer.page);
  const [byAgent, byCustomer] = [[], []];
  for (let call = 0; call < CALLS; call += 1) {
    await dial(customer.page, "6000");
    await phase(agent.page, "incoming", OFFER_TIMEOUT_MS);
    const hears = [
      agent.page.evaluate(firstHeard, CUSTOMER_HZ),
      customer.page.evaluate(firstHeard, AGENT_HZ),
    ];
    const pressed = await agent.page.evaluate(pressAnswer);
    const [agentHears, customerHears] = await Promise.all(hears);
    byAgent.push(agentHears - pressed);
    byCustomer.push(customerHears - pressed);
    await customer.page.getByRole("button", { name: "Hang up" }).click();
    await idle(customer.page);
    await idle(agent.page);
    await api.ask("POST", "agents/2001/wrap-up/finish", { body: {} });
  }
  const both = byAgent.map((ms, call) => Math.max(ms, byCustomer[call]));
  process.stdout.write(`${CALLS} calls, from Answer until the sound is there:\n`);
  process.stdout.write(`  the agent hears the customer: ${percentiles(byAgent)}\n`);
  process.stdout.write(`  the customer hears the agent: ${percentiles(byCustomer)}\n`);
  process.stdout.write(`  both: ${percentiles(both)}\n`);
} finally {
  await Promise.all([customers.close(), agents.close()]);
  await server.stop();
}

/** Runs in the page: presses Answer, and says when, in milliseconds of Unix time. */
function pressAnswer() {
  const buttons = [...document.querySelectorAll("button")];
  const answer = buttons.find((button) => button.textContent?.trim() === "Answer");
  const pressed = performance.timeOrigin + performance.now();
  answer.click();
  return pressed;
}

/** Runs in the page: when a piece of what it plays first holds most of this tone. */
async function firstHeard(hz) {
  const element = document.querySelector("audio[data-offhook=remote-audio]");
  const track = () => element?.srcObject?.getAudioTracks()[0];
  while (!track()) await new Promise((resolve) => setTimeout(resolve, 1));
  const clone = track().clone();
  const reader = new MediaStreamTrackProcessor({ track: clone }).readable.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new Error("the sound ended");
      const samples = new Float32Array(value.numberOfFrames);
      value.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      const rate = value.sampleRate;
      value.close();
      if (holds(samples, rate)) return performance.timeOrigin + performance.now();
    }
  } finally {
    await reader.cancel();
    clone.stop();
  }

  /** Whether most of the power is the tone's; a piece is 10 ms and takes other tones that are near with it. */
  function holds(samples, rate) {
    let [re, im, power] = [0, 0, 0];
    for (let at = 0; at < samples.length; at += 1) {
      const angle = (2 * Math.PI * hz * at) / rate;
      re += samples[at] * Math.cos(angle);
      im += samples[at] * Math.sin(angle);
      power += samples[at] ** 2;
    }
    const share = (2 * (re ** 2 + im ** 2)) / (samples.length * power);
    return power > samples.length * 1e-5 && share > 0.8;
  }
}
