import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { film } from "./picture.mjs";
import { share, tone, wav } from "./tone.mjs";

export const EXECUTABLE = process.env.OFFHOOK_CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const MICROPHONE_RATE = 48_000;
const MICROPHONE_SECONDS = 10;
const LISTEN_TIMEOUT_MS = 15_000;

/**
 * Launches Chromium. `microphone` is a frequency in Hz (or several) that it hears, `null` for a
 * machine without a microphone, or `"denied"` for a person who refuses. `camera` is the colour that it sees.
 * `program` runs it elsewhere, and `trusted` is an origin that counts as secure there.
 */
export async function launch({
  microphone = 440,
  camera = null,
  program = EXECUTABLE,
  trusted = null,
} = {}) {
  const directory = await mkdtemp(join(tmpdir(), "offhook-chromium-"));
  const args = [...FLAGS];
  if (microphone !== null) args.push("--use-fake-device-for-media-stream");
  if (microphone !== null && microphone !== "denied") {
    const file = join(directory, "microphone.wav");
    const options = { seconds: MICROPHONE_SECONDS, rate: MICROPHONE_RATE };
    await writeFile(file, wav(tone(microphone, options), MICROPHONE_RATE));
    args.push("--use-fake-ui-for-media-stream", `--use-file-for-fake-audio-capture=${file}`);
  }
  if (camera !== null) {
    const file = join(directory, "camera.y4m");
    await writeFile(file, film(camera));
    args.push(`--use-file-for-fake-video-capture=${file}`);
  }
  if (trusted !== null) args.push(`--unsafely-treat-insecure-origin-as-secure=${trusted}`);
  const browser = await chromium.launch({ executablePath: program, args });
  return {
    browser,
    async close() {
      await browser.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/**
 * Opens a portal page whose microphone is not processed: noise suppression takes a steady tone for
 * noise, and echo cancellation would remove the very echo that is to be measured.
 */
export async function open(browser, url, { context: contextOptions = {} } = {}) {
  const context = await browser.newContext(contextOptions);
  await context.addInitScript(() => localStorage.setItem("offhook.audio-processing", "off"));
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(url);
  return { page, context, complaints };
}

/** Waits until the portal says that it can call. */
export async function ready(page) {
  await page.locator("[data-testid=connection][data-phase=connected]").waitFor();
}

/** Signs in at the agent portal and waits for the registration. */
export async function signIn(page, username, password) {
  await page.locator("input[name=username]").fill(username);
  await page.locator("input[name=password]").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("[data-testid=connection][data-registration=registered]").waitFor();
}

/** Types a number into the portal and presses Call. */
export async function dial(page, number) {
  await page.getByLabel("Number to call").fill(number);
  await page.getByRole("button", { name: "Call", exact: true }).click();
}

export async function hangUp(page) {
  await page.getByRole("button", { name: "Hang up" }).click();
  await idle(page);
}

export async function phase(page, name, timeout = 15_000) {
  await page.locator(`[data-testid=call][data-phase=${name}]`).waitFor({ timeout });
}

/** Waits for the end of the call. */
export async function idle(page, timeout = 15_000) {
  await page.locator("[data-testid=call]").waitFor({ state: "detached", timeout });
}

/** Records what the page plays of the other side. */
export async function listen(page, seconds) {
  const recording = await page.evaluate(record, seconds);
  const bytes = Buffer.from(recording.base64, "base64");
  const samples = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  return { samples, rate: recording.rate };
}

/**
 * Records half-second pieces until `accept` is content with one, and returns that one. A call needs
 * a moment (ICE, DTLS, the jitter buffer) before its sound is steady.
 */
export async function listenUntil(page, accept, what, timeout = LISTEN_TIMEOUT_MS) {
  const deadline = Date.now() + timeout;
  let heard = null;
  do {
    heard = await listen(page, 0.5);
    if (accept(heard)) return heard;
  } while (Date.now() < deadline);
  const strongest = strongestTone(heard);
  throw new Error(`did not hear ${what} within ${timeout} ms; strongest is ${strongest}`);
}

export function hearsTone(hz, wanted = 0.8) {
  return ({ samples, rate }) => share(samples, rate, hz) > wanted;
}

function strongestTone({ samples, rate }) {
  let best = { hz: 0, part: 0 };
  for (let hz = 100; hz <= 3400; hz += 20) {
    const part = share(samples, rate, hz);
    if (part > best.part) best = { hz, part };
  }
  return `${best.hz} Hz with a share of ${best.part.toFixed(2)}`;
}

/** Runs in the page. */
async function record(seconds) {
  const element = document.querySelector("audio[data-offhook=remote-audio]");
  const until = performance.now() + 10_000;
  // A page that plays nothing at all gives no piece of sound, and the test is to say so.
  const inTime = (piece) =>
    Promise.race([
      piece,
      new Promise((_, reject) => {
        setTimeout(() => reject(new Error("the page has played no sound for 10 s")), 10_000);
      }),
    ]);
  while (!element?.srcObject?.getAudioTracks().length) {
    if (performance.now() > until) throw new Error("the page plays no remote sound");
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
  const [track] = element.srcObject.getAudioTracks();
  const clone = track.clone();
  const reader = new MediaStreamTrackProcessor({ track: clone }).readable.getReader();
  const parts = [];
  let count = 0;
  let rate = 48_000;
  try {
    while (count < seconds * rate) {
      const { value, done } = await inTime(reader.read());
      if (done) throw new Error("the remote sound ended during the recording");
      rate = value.sampleRate;
      const part = new Float32Array(value.numberOfFrames);
      value.copyTo(part, { planeIndex: 0, format: "f32-planar" });
      value.close();
      parts.push(part);
      count += part.length;
    }
  } finally {
    await reader.cancel();
    clone.stop();
  }
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32_768) {
    text += String.fromCharCode(...bytes.subarray(at, at + 32_768));
  }
  return { rate, base64: btoa(text) };
}
