import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { start, stop } from "./child.mjs";
import { eventually } from "./eventually.mjs";
import { Inbox } from "./inbox.mjs";
import { readWav, tone, wav } from "./tone.mjs";

/** The codecs by the names that baresip's configuration has for them. */
const CODECS = {
  opus: "opus/48000/2",
  G722: "G722/16000/1",
  PCMU: "PCMU/8000/1",
  PCMA: "PCMA/8000/1",
  GSM: "GSM/8000/1",
};
/** What a phone has unless a test names others: all that Offhook decodes. */
const USUAL_CODECS = Object.keys(CODECS).filter((name) => name !== "GSM");
const MODULES = process.env.OFFHOOK_BARESIP_MODULES ?? "/usr/lib/baresip/modules";
const START_TIMEOUT_MS = 10_000;
const EVENT_TIMEOUT_MS = 15_000;
const MICROPHONE_RATE = 48_000;
const MICROPHONE_SECONDS = 60;
const LOG_LINES_KEPT = 300;

/** A baresip 1.0 phone that hears a tone in its microphone and records what it plays. */
export class Baresip {
  #inbox = new Inbox("baresip");
  #log = [];
  #input = Buffer.alloc(0);
  #count = 0;

  /**
   * `number` and `password` register at `server` (host:port); `transport` is udp, tcp or tls,
   * `codecs` some of CODECS, `security` "", "srtp", "srtp-mand" or "dtls_srtp".
   */
  static async start({
    number,
    password,
    server,
    transport = "udp",
    codecs = USUAL_CODECS,
    security = "",
    microphone = 700,
    address = "127.0.0.2",
    answer = "manual",
    dtmf = "rtp",
  }) {
    const phone = new Baresip();
    phone.directory = await mkdtemp(join(tmpdir(), "offhook-baresip-"));
    phone.control = await freePort(address);
    await phone.#configure({ address, microphone });
    await writeFile(
      join(phone.directory, "accounts"),
      account({ number, password, server, transport, codecs, security, answer, dtmf }),
    );
    try {
      await phone.#run(address);
      if (password) await phone.event("REGISTERED");
      return phone;
    } catch (error) {
      await phone.stop();
      throw error;
    }
  }

  get log() {
    return this.#log.join("\n");
  }

  dial(target) {
    return this.command("dial", target);
  }
  answer() {
    return this.command("accept");
  }
  hangUp() {
    return this.command("hangup");
  }
  hold() {
    return this.command("hold");
  }
  resume() {
    return this.command("resume");
  }

  /** Presses keys of the telephone one after the other. */
  async press(digits) {
    for (const digit of digits) await this.command("sndcode", digit);
  }

  /** Runs a command of baresip and returns its answer. */
  async command(command, params = "") {
    this.#count += 1;
    const token = String(this.#count);
    this.#send({ command, params, token });
    const { data, ok } = await this.#inbox.take(
      (message) => message.response && message.token === token,
      `the answer to ${command}`,
    );
    if (!ok) throw new Error(`baresip refused ${command} ${params}: ${data}`);
    return data;
  }

  /** Waits for an event such as CALL_ESTABLISHED; events that came before count too, once each. */
  event(type, timeout = EVENT_TIMEOUT_MS) {
    return this.#inbox.take((message) => message.event && message.type === type, type, timeout);
  }

  /** Forgets the events of an earlier call. */
  forget() {
    this.#inbox.clear();
  }

  /** What was decoded from the other side since the last call began. */
  async heard() {
    const names = (await readdir(this.directory)).filter((name) => name.endsWith("-dec.wav"));
    names.sort();
    const last = names.at(-1);
    if (!last) throw new Error("baresip recorded nothing");
    return readWav(await readFile(join(this.directory, last)), { growing: true });
  }

  /** How many seconds of sound the phone has been sent so far. */
  async heardSeconds() {
    const { samples, rate } = await this.heard();
    return samples.length / rate;
  }

  /** Waits until the newest piece of the recording pleases `accept`. */
  async listenUntil(accept, what, timeout = EVENT_TIMEOUT_MS) {
    const newest = async () => {
      const { samples, rate } = await this.heard().catch(() => ({ samples: [], rate: 1 }));
      return { samples: samples.slice(-Math.round(rate / 2)), rate };
    };
    const pleases = (heard) => heard.samples.length >= heard.rate / 2 && accept(heard);
    return eventually(newest, pleases, () => `did not hear ${what}\n${this.log}`, timeout);
  }

  async stop() {
    await stop(this.child);
    this.socket?.destroy();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #configure({ address, microphone }) {
    const options = { seconds: MICROPHONE_SECONDS, rate: MICROPHONE_RATE };
    const file = join(this.directory, "microphone.wav");
    await writeFile(file, wav(tone(microphone, options), MICROPHONE_RATE));
    const codecs = ["opus", "g722", "g711", "gsm"];
    const modules = [...codecs, "aufile", "aubridge", "sndfile", "srtp", "dtls_srtp"];
    const lines = [
      "poll_method epoll",
      `sip_listen ${address}:0`,
      // Its RTP sockets are bound to every address and so send from this one.
      "net_interface 127.0.0.1",
      "call_local_timeout 120",
      "call_max_calls 4",
      `audio_source aufile,${file}`,
      "audio_player aubridge,speaker",
      "audio_alert aubridge,alert",
      `ausrc_srate ${MICROPHONE_RATE}`,
      "ausrc_channels 1",
      "jitter_buffer_delay 2-10",
      `snd_path ${this.directory}`,
      `ctrl_tcp_listen ${address}:${this.control}`,
      `module_path ${MODULES}`,
      ...modules.map((name) => `module ${name}.so`),
      "module_tmp uuid.so",
      "module_tmp account.so",
      "module_app menu.so",
      "module_app ctrl_tcp.so",
      "",
    ];
    await writeFile(join(this.directory, "config"), lines.join("\n"));
  }

  async #run(address) {
    this.child = start("baresip", ["-f", this.directory], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => this.#keep(line));
    }
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      this.socket = connect(this.control, address);
      const [outcome] = await Promise.race([
        once(this.socket, "connect").then(() => ["connected"]),
        once(this.socket, "error"),
      ]).catch(() => [null]);
      if (outcome === "connected") break;
      if (Date.now() > deadline) throw new Error(`baresip did not start\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    this.socket.on("data", (data) => this.#receive(data));
    this.socket.on("error", () => this.socket.destroy());
  }

  #send(message) {
    const text = JSON.stringify(message);
    this.socket.write(`${Buffer.byteLength(text)}:${text},`);
  }

  /** Messages are netstrings: length, colon, bytes, comma. */
  #receive(data) {
    this.#input = Buffer.concat([this.#input, data]);
    for (;;) {
      const colon = this.#input.indexOf(":");
      if (colon < 0) return;
      const length = Number(this.#input.toString("latin1", 0, colon));
      if (this.#input.length < colon + length + 2) return;
      const text = this.#input.toString("utf8", colon + 1, colon + 1 + length);
      this.#input = this.#input.subarray(colon + length + 2);
      this.#inbox.put(JSON.parse(text));
    }
  }

  /** The running status of a call, printed ten times a second, is left out. */
  #keep(line) {
    if (line.trim() === "" || line.includes("audio=")) return;
    this.#inbox.note(line);
    // Registration is often over before the control connection could tell of it.
    if (/200 OK .*\[\d+ bindings?\]/.test(line)) {
      this.#inbox.put({ event: true, type: "REGISTERED" });
    }
    this.#log.push(line);
    if (this.#log.length > LOG_LINES_KEPT) this.#log.shift();
  }
}

function account({ number, password, server, transport, codecs, security, answer, dtmf }) {
  const parameters = [
    `auth_user=${number}`,
    `auth_pass=${password ?? "none"}`,
    `outbound="sip:${server};transport=${transport}"`,
    `regint=${password ? 120 : 0}`,
    `audio_codecs=${[codecs]
      .flat()
      .map((name) => CODECS[name])
      .join(",")}`,
    `answermode=${answer}`,
    `dtmfmode=${dtmf}`,
    ...(security ? [`mediaenc=${security}`] : []),
  ];
  return `<sip:${number}@offhook.local;transport=${transport}>;${parameters.join(";")}\n`;
}

/** A TCP port that was free a moment ago; baresip cannot be asked which one it took. */
async function freePort(address) {
  const server = createServer();
  server.listen(0, address);
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
