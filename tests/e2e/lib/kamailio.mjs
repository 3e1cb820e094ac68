import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { start, stop } from "./child.mjs";

const CONFIG = fileURLToPath(new URL("../kamailio/kamailio.cfg", import.meta.url));
const MODULES =
  process.env.OFFHOOK_KAMAILIO_MODULES ?? "/usr/lib/x86_64-linux-gnu/kamailio/modules/";
const START_TIMEOUT_MS = 15_000;
const ANSWER_TIMEOUT_MS = 250;
const LOG_LINES_KEPT = 400;

/** Debian's Kamailio as registrar and proxy, with an NG door as its media proxy. */
export class Kamailio {
  #log = [];

  /** `ng` is the door's address, host:port. */
  static async start({ ng }) {
    const kamailio = new Kamailio();
    kamailio.directory = await mkdtemp(join(tmpdir(), "offhook-kamailio-"));
    kamailio.udpPort = await freeUdpPort();
    kamailio.wsPort = await freeTcpPort();
    const words = {
      UDP_PORT: kamailio.udpPort,
      WS_PORT: kamailio.wsPort,
      NG: ng,
      MODULES,
    };
    const template = await readFile(CONFIG, "utf8");
    const config = template.replace(/@([A-Z_]+)@/g, (_, word) => String(words[word]));
    const file = join(kamailio.directory, "kamailio.cfg");
    await writeFile(file, config);
    try {
      await kamailio.#run(file);
      return kamailio;
    } catch (error) {
      await kamailio.stop();
      throw error;
    }
  }

  /** Where phones register, host:port. */
  get sip() {
    return `127.0.0.1:${this.udpPort}`;
  }

  /** Where browsers register. */
  get ws() {
    return `ws://127.0.0.1:${this.wsPort}/`;
  }

  get log() {
    return this.#log.join("\n");
  }

  async stop() {
    await stop(this.child);
    await rm(this.directory, { recursive: true, force: true });
  }

  async #run(file) {
    const directory = this.directory;
    const args = ["-f", file, "-DD", "-E", "-Y", directory, "-w", directory, "-m", "64", "-M", "8"];
    this.child = start("kamailio", args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => this.#keep(line));
    }
    let ended = false;
    this.child.once("exit", () => {
      ended = true;
    });
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await answers(this.udpPort))) {
      if (ended || Date.now() > deadline) throw new Error(`Kamailio did not start\n${this.log}`);
    }
  }

  #keep(line) {
    this.#log.push(line);
    if (this.#log.length > LOG_LINES_KEPT) this.#log.shift();
  }
}

/** Whether an unknown number is answered at the port. */
async function answers(port) {
  const socket = createSocket("udp4");
  const request = [
    `OPTIONS sip:nobody@127.0.0.1:${port} SIP/2.0`,
    "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKready;rport",
    "From: <sip:test@127.0.0.1>;tag=1",
    "To: <sip:nobody@127.0.0.1>",
    `Call-ID: ready-${Math.random()}`,
    "CSeq: 1 OPTIONS",
    "Max-Forwards: 5",
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
  try {
    socket.send(request, port, "127.0.0.1");
    await once(socket, "message", { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}

/** A port that was free a moment ago; Kamailio cannot be asked which one it took. */
export async function freeUdpPort() {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

export async function freeTcpPort() {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
