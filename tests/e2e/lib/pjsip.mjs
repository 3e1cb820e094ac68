// A PJSIP phone in a process of its own (see pjsip_phone.py).

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { EventLog } from "./phone.mjs";
import { readWav } from "./tone.mjs";

const SCRIPT = fileURLToPath(new URL("./pjsip_phone.py", import.meta.url));

/** The Python that has pjsua2: `cargo xtask test` names it. */
const PYTHON = process.env.OFFHOOK_PYTHON ?? "python3";

export class PjsipPhone {
  #answers = new Map();
  #number = 0;

  constructor(child) {
    this.child = child;
    this.events = new EventLog();
    this.stderr = "";
    child.stderr.on("data", (text) => {
      this.stderr = (this.stderr + text).slice(-4000);
    });
    createInterface({ input: child.stdout }).on("line", (line) => this.#take(JSON.parse(line)));
    child.once("exit", (code) => this.events.push({ event: "exit", code }));
  }

  /**
   * Starts a phone; `config` as in pjsip_phone.py: user, password, server, domain, transport, bind,
   * security (none, sdes, dtls), codecs, tone (Hz), answer (status, 0 for by hand), register.
   */
  static async start(config) {
    const child = spawn(PYTHON, ["-u", SCRIPT], { stdio: ["pipe", "pipe", "pipe"] });
    const phone = new PjsipPhone(child);
    const full = { domain: "offhook.local", transport: "udp", bind: "127.0.0.2", ...config };
    phone.#write({ tone: 440, ...full });
    if (full.register !== false) await phone.registered();
    return phone;
  }

  async registered() {
    const event = await this.events.next(
      `registration ${this.stderr}`,
      (e) => e.event === "registration" || e.event === "exit",
    );
    if (event.code !== 200) throw new Error(`not registered: ${JSON.stringify(event)} ${this.stderr}`);
  }

  /** Carries a command out: call, answer, hang_up, hold, resume, dtmf, transfer, record. */
  async do(name, args = {}) {
    this.#number += 1;
    const id = this.#number;
    const answer = new Promise((resolve) => this.#answers.set(id, resolve));
    this.#write({ id, do: name, ...args });
    const result = await answer;
    if (result.error) throw new Error(`${name}: ${result.error}`);
  }

  /** Waits until the call is in this state: CALLING, EARLY, CONFIRMED, DISCONNCTD. */
  state(state) {
    return this.events.next(`state ${state}`, (e) => e.event === "state" && e.state === state);
  }

  media() {
    return this.events.next("active media", (e) => e.event === "media" && e.active);
  }

  /** What the phone hears in `seconds`: samples and rate. */
  async hear(path, seconds) {
    await this.do("record", { path });
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    await this.do("stop_recording");
    return readWav(await readFile(path));
  }

  async stop() {
    if (this.child.exitCode !== null) return;
    const exited = once(this.child, "exit");
    this.child.stdin.end();
    await exited;
  }

  #write(line) {
    this.child.stdin.write(`${JSON.stringify(line)}\n`);
  }

  #take(message) {
    if (message.id !== undefined) {
      this.#answers.get(message.id)?.(message);
      this.#answers.delete(message.id);
    } else {
      this.events.push(message);
    }
  }
}
