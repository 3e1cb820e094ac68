// A call is forked to a WebSocket server by order: it hears the caller, and the caller hears it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import WebSocket from "ws";
import { Api } from "./lib/api.mjs";
import { hearsTone } from "./lib/browser.mjs";
import { eventually } from "./lib/eventually.mjs";
import { Inbox } from "./lib/inbox.mjs";
import { Pjsua } from "./lib/pjsua.mjs";
import { Server } from "./lib/server.mjs";
import { share, tone } from "./lib/tone.mjs";

const CALLER_HZ = 900;
const AGENT_HZ = 1300;
const RATE = 24_000;
const PATIENCE_MS = 20_000;

/** A WebSocket server that keeps what it gets. */
class Agent {
  #inbox = new Inbox("the agent");
  #sound = [];

  static async listen() {
    const agent = new Agent();
    agent.server = new WebSocket.Server({ host: "127.0.0.1", port: 0 });
    agent.server.on("connection", (socket, request) => agent.#serve(socket, request));
    await once(agent.server, "listening");
    return agent;
  }

  get url() {
    return `ws://127.0.0.1:${this.server.address().port}/calls?key=hush`;
  }

  event(name) {
    return this.#inbox.take(({ event }) => event === name, name);
  }

  /** Waits until the newest half second that came is this tone. */
  hears(hz) {
    const newest = () => this.#newest();
    const pleases = (samples) => samples.length === RATE / 2 && share(samples, RATE, hz) > 0.9;
    return eventually(newest, pleases, () => `the agent does not hear ${hz} Hz`, PATIENCE_MS);
  }

  /** Says a tone, all at once. */
  say(hz, seconds) {
    const samples = tone(hz, { seconds, rate: RATE });
    this.socket.send(Int16Array.from(samples, (sample) => Math.round(sample * 32_767)));
  }

  tell(message) {
    this.socket.send(JSON.stringify(message));
  }

  stop() {
    return new Promise((resolve) => this.server.close(resolve));
  }

  #serve(socket, request) {
    this.socket = socket;
    this.headers = request.headers;
    socket.on("message", (data) => {
      if (typeof data === "string") this.#inbox.put(JSON.parse(data));
      else this.#sound.push(new Int16Array(new Uint8Array(data).buffer));
    });
  }

  #newest() {
    const frames = this.#sound.slice(-25);
    return Float32Array.from(
      frames.flatMap((frame) => [...frame]),
      (sample) => sample / 32_768,
    );
  }
}

let server;
let agent;
let caller;
let supervisor;

describe("an audio fork", () => {
  before(async () => {
    server = await Server.start();
    agent = await Agent.listen();
    caller = await Pjsua.start({
      number: "1001",
      password: "demo-1001",
      server: server.urls.sip_udp,
      microphone: CALLER_HZ,
      codecs: ["G722"],
    });
    supervisor = await Api.signIn(server, "supervisor");
  });

  after(async () => {
    await caller?.stop();
    await server?.stop();
    await agent?.stop();
  });

  it("hears the caller, is heard by it, and ends the call where it may", async () => {
    await caller.dial("sip:9196@offhook.local");
    await caller.listenUntil(hearsTone(CALLER_HZ), "its echo");
    const { items } = await supervisor.get("calls/active");
    const path = `calls/active/${items[0].id}/fork`;
    const elsewhere = { url: "ws://192.0.2.1/" };
    const refused = await supervisor.ask("POST", path, { body: elsewhere });
    assert.equal(refused.status, 422);
    assert.match((await refused.json()).detail, /media\.fork\.allowed_hosts/);

    const body = {
      url: agent.url,
      sample_rate: RATE,
      channels: "said",
      bidirectional: true,
      may_hang_up: true,
      metadata: { language: "en" },
      authorization: "Bearer hush",
    };
    const ordered = await supervisor.ask("POST", path, { body });
    assert.equal(ordered.status, 202);
    const { id } = await ordered.json();
    const start = await agent.event("start");
    assert.deepEqual(
      [start.fork, start.call, start.sample_rate, start.metadata],
      [id, items[0].id, RATE, { language: "en" }],
    );
    assert.equal(agent.headers.authorization, "Bearer hush");
    await agent.hears(CALLER_HZ);

    agent.say(AGENT_HZ, 10);
    agent.tell({ event: "mark", name: "said" });
    await caller.listenUntil(hearsTone(AGENT_HZ), "the agent");
    await caller.press("5");
    assert.equal((await agent.event("dtmf")).digit, "5");
    agent.tell({ event: "clear" });
    assert.equal((await agent.event("mark")).cleared, true);
    await caller.listenUntil(hearsTone(CALLER_HZ), "its echo again");

    const [fork] = (await supervisor.get(path)).items;
    assert.deepEqual([fork.id, fork.state], [id, "connected"]);
    assert.doesNotMatch(fork.url, /hush/);
    agent.tell({ event: "hangup" });
    assert.equal((await agent.event("stop")).reason, "call_ended");
    await caller.state("DISCONNECTED");
  });
});
