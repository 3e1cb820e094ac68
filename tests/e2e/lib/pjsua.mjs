import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { start, stop } from "./child.mjs";
import { eventually } from "./eventually.mjs";
import { Inbox } from "./inbox.mjs";
import { readWav, tone, wav } from "./tone.mjs";

const DRIVER = fileURLToPath(new URL("pjsua_phone.py", import.meta.url));
const EVENT_TIMEOUT_MS = 15_000;
const MICROPHONE_RATE = 16_000;
const MICROPHONE_SECONDS = 10;
const LOG_TAIL = 6000;

/** A PJSIP phone; the same verbs as `Baresip`. */
export class Pjsua {
  #inbox = new Inbox("PJSIP");
  #count = 0;

  /**
   * `security` is "" or "sdes" (the package is built without DTLS); `codecs` some of PCMU, PCMA, G722, GSM;
   * `microphone` a frequency in Hz (or several), or samples at 16 kHz, which are heard again and again.
   */
  static async start({
    number,
    password,
    server,
    transport = "udp",
    codecs = ["G722", "PCMU", "PCMA"],
    security = "",
    microphone = 900,
    address = "127.0.0.4",
    answer = "manual",
    ice = false,
    prack = false,
    mwi = false,
  }) {
    const phone = new Pjsua();
    phone.directory = await mkdtemp(join(tmpdir(), "offhook-pjsua-"));
    phone.files = Object.fromEntries(
      ["microphone.wav", "recording.wav", "log"].map((name) => [name, join(phone.directory, name)]),
    );
    const options = { seconds: MICROPHONE_SECONDS, rate: MICROPHONE_RATE };
    const samples = microphone instanceof Float32Array ? microphone : tone(microphone, options);
    const sound = wav(samples, MICROPHONE_RATE);
    await writeFile(phone.files["microphone.wav"], sound);
    phone.#run({
      ...{ number, password, server, transport, security, address, answer, ice, prack, mwi },
      codecs: [codecs].flat(),
      microphone: phone.files["microphone.wav"],
      recording: phone.files["recording.wav"],
      log: phone.files.log,
    });
    try {
      await phone.event("started");
      if (password) await phone.#registered();
      return phone;
    } catch (error) {
      await phone.stop();
      throw error;
    }
  }

  dial(target) {
    return this.command("dial", target);
  }
  /** An INVITE without SDP: the server offers and the phone answers in its ACK. */
  dialWithoutOffer(target) {
    return this.command("dialWithoutOffer", target);
  }
  update() {
    return this.command("update");
  }
  /** Calls somebody else while the first call is held. */
  consult(target) {
    return this.command("consult", target);
  }
  /** Lets the two talk with whom the phone has its two calls (REFER with Replaces). */
  transferToConsulted() {
    return this.command("transferToConsulted");
  }
  transfer(target) {
    return this.command("transfer", target);
  }
  answer() {
    return this.command("answer");
  }
  reject(code) {
    return this.command("reject", code);
  }
  hangUp() {
    return this.command("hangUp");
  }
  hold() {
    return this.command("hold");
  }
  resume() {
    return this.command("resume");
  }
  press(digits) {
    return this.command("press", digits);
  }
  /** Presses keys by SIP INFO. */
  pressByInfo(digits) {
    return this.command("pressByInfo", digits);
  }

  async command(name, argument = null) {
    this.#count += 1;
    const token = this.#count;
    this.child.stdin.write(`${JSON.stringify({ name, argument, token })}\n`);
    const answer = await this.#inbox.take(
      (message) => message.token === token,
      `the answer to ${name}`,
    );
    if (answer.event === "failed") throw new Error(`PJSIP refused ${name}: ${answer.reason}`);
  }

  /** Waits for an event of this name whose fields are `wanted`. */
  event(name, wanted = {}, timeout = EVENT_TIMEOUT_MS) {
    const fits = (message) =>
      message.event === name &&
      Object.entries(wanted).every(([field, value]) => message[field] === value);
    return this.#inbox.take(fits, `${name} ${JSON.stringify(wanted)}`, timeout);
  }

  /** Waits for a state of the call by PJSIP's word: CALLING, EARLY, CONFIRMED, DISCONNECTED. */
  state(word, timeout = EVENT_TIMEOUT_MS) {
    return this.event("state", { state: word }, timeout);
  }

  /** Waits until the server has told the phone this line of its mailbox. */
  shows(line, timeout = 60_000) {
    const fits = ({ event, text }) => event === "mwi" && text.includes(line);
    return this.#inbox.take(fits, `the mailbox's ${line}`, timeout);
  }

  forget() {
    this.#inbox.clear();
  }

  wholeLog() {
    return readFile(this.files.log, "utf8").catch(() => "");
  }

  async log() {
    return (await this.wholeLog()).slice(-LOG_TAIL);
  }

  /** How many seconds the recording has so far, silence among them. */
  async heardSeconds() {
    const { samples, rate } = readWav(await readFile(this.files["recording.wav"]), {
      growing: true,
    });
    return samples.length / rate;
  }

  /** Waits until the newest half second of the recording pleases `accept`. */
  async listenUntil(accept, what, timeout = EVENT_TIMEOUT_MS) {
    const newest = async () => {
      const bytes = await readFile(this.files["recording.wav"]);
      const { samples, rate } = readWav(bytes, { growing: true });
      return { samples: samples.subarray(-Math.round(rate / 2)), rate };
    };
    const pleases = (heard) => heard.samples.length >= heard.rate / 2 && accept(heard);
    const missing = async () => `did not hear ${what}\n${await this.log()}`;
    return eventually(newest, pleases, missing, timeout);
  }

  async stop() {
    await stop(this.child, () => this.child.stdin.end());
    await rm(this.directory, { recursive: true, force: true });
  }

  #run(config) {
    const python = process.env.OFFHOOK_PYTHON ?? "python3";
    this.child = start(python, [DRIVER], { stdio: ["pipe", "pipe", "pipe"] });
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) this.#inbox.put(JSON.parse(line));
    });
    createInterface({ input: this.child.stderr }).on("line", (line) => this.#inbox.note(line));
    this.child.on("error", (error) => this.#inbox.note(String(error)));
    // A phone that ended is noticed by whoever waits for its next event.
    this.child.stdin.on("error", (error) => this.#inbox.note(String(error)));
    this.child.stdin.write(`${JSON.stringify(config)}\n`);
  }

  async #registered() {
    const { code, active } = await this.event("registration");
    if (code !== 200 || !active) throw new Error(`PJSIP could not register: ${code}`);
  }
}
