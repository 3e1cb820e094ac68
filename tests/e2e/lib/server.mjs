import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { start, stop } from "./child.mjs";

const READY_TIMEOUT_MS = 30_000;
const LOG_LINES_KEPT = 200;

/** Ports that the kernel chooses, so that tests can run side by side. */
const FREE_PORTS = {
  OFFHOOK_GATEWAY__HTTP_PORT: "0",
  OFFHOOK_EDGE__UDP_PORT: "0",
  OFFHOOK_EDGE__TCP_PORT: "0",
  OFFHOOK_EDGE__TLS_PORT: "0",
  OFFHOOK_EDGE__WS_PORT: "0",
  OFFHOOK_NG__PORT: "0",
};

/** A running `offhook serve --demo` with its own data directory. */
export class Server {
  #log = [];

  constructor(child, dataDir) {
    this.child = child;
    this.dataDir = dataDir;
    createInterface({ input: child.stderr }).on("line", (line) => this.#keep(line));
  }

  /**
   * Starts the binary named by OFFHOOK_BIN and waits for its `ready` line. Without `demo` it listens on every
   * address, and the data of an earlier demo is what it serves.
   */
  static async start({ env = {}, dataDir = null, demo = true } = {}) {
    const binary = process.env.OFFHOOK_BIN;
    if (!binary) throw new Error("OFFHOOK_BIN does not name the offhook binary");
    const directory = dataDir ?? (await mkdtemp(join(tmpdir(), "offhook-e2e-")));
    // It is in memory unless it is named, where it would stay behind.
    const numbers = { OFFHOOK_MEDIA__NUMBERS_FILE: join(directory, "numbers") };
    const args = ["serve", ...(demo ? ["--demo"] : []), "--data-dir", directory];
    const child = start(binary, args, {
      env: { ...foreignEnvironment(), ...FREE_PORTS, ...numbers, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const server = new Server(child, directory);
    server.urls = await server.#ready();
    return server;
  }

  /** The portal's address, for example http://127.0.0.1:3000/. */
  get portal() {
    return this.urls.portal;
  }

  /** What the server logged last, for the message of a failing test. */
  get log() {
    return this.#log.join("\n");
  }

  async stop({ keepData = false } = {}) {
    await stop(this.child);
    if (!keepData) await rm(this.dataDir, { recursive: true, force: true });
  }

  /** Ends the server as a crash would. Its data stays. */
  async kill() {
    await stop(this.child, () => this.child.kill("SIGKILL"));
  }

  async #ready() {
    const lines = createInterface({ input: this.child.stdout });
    const line = await new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`offhook did not get ready: ${why}\n${this.log}`));
      const timer = setTimeout(() => fail("no `ready` line in time"), READY_TIMEOUT_MS);
      this.child.once("error", (error) => fail(error.message));
      this.child.once("exit", (code, signal) => fail(`it ended with ${code ?? signal}`));
      lines.on("line", (text) => {
        this.#keep(text);
        if (!text.startsWith("ready ")) return;
        clearTimeout(timer);
        this.child.removeAllListeners("exit");
        resolve(text);
      });
    });
    return Object.fromEntries(line.split(" ").slice(1).map(splitPair));
  }

  #keep(line) {
    this.#log.push(line);
    if (this.#log.length > LOG_LINES_KEPT) this.#log.shift();
  }
}

/** The environment without OFFHOOK_*, which the server would read as its configuration. */
function foreignEnvironment() {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith("OFFHOOK_"));
  return Object.fromEntries(entries);
}

function splitPair(pair) {
  const at = pair.indexOf("=");
  return [pair.slice(0, at), pair.slice(at + 1)];
}
