// A whole call centre on one server: 500 agents at phones, 1,000 callers in a queue. How long it takes from the
// moment an agent is free until its phone rings, and what the server needs for it.
// `OFFHOOK_BIN=… node tests/e2e/measure/centre.mjs [agents] [callers] [seconds]`.
import { readFile } from "node:fs/promises";
import { Api } from "../lib/api.mjs";
import { eventually } from "../lib/eventually.mjs";
import { percentiles } from "../lib/percentiles.mjs";
import { Server } from "../lib/server.mjs";
import { SipParty } from "../lib/sip-party.mjs";

const [AGENTS, CALLERS, SECONDS] = [500, 1_000, 30].map((usual, at) =>
  Number(process.argv[2 + at] ?? usual),
);
const TALK_MS = [5_000, 15_000];
/** Calls of one address at a time, below the server's limit for guests. */
const PER_ADDRESS = 150;
const TICKS_PER_SECOND = 100;
const PATIENCE_MS = 120_000;

/** The agents' phones: each takes what rings, talks for a while and hangs up. */
class Centre {
  #freeAt = new Map();
  #answered = 0;
  #delays = null;
  #isOver = false;
  onAnswered = () => {};

  measure() {
    this.#answered = 0;
    this.#delays = [];
  }

  stop() {
    const measured = { answered: this.#answered, delays: this.#delays };
    this.#delays = null;
    this.onAnswered = () => {};
    this.#isOver = true;
    return measured;
  }

  handle(desk, request, at) {
    if (request.method === "ACK") return;
    if (request.method !== "INVITE") return desk.respond(request, "200 OK");
    const number = request.uri.match(/^sip:(\d+)@/)[1];
    const freeAt = this.#freeAt.get(number);
    if (freeAt) this.#delays?.push(at - freeAt);
    this.#freeAt.delete(number);
    this.#answered += 1;
    const dialog = desk.accept(request);
    this.onAnswered();
    const [least, most] = TALK_MS;
    setTimeout(
      () => {
        this.#freeAt.set(number, performance.now());
        if (!this.#isOver) void desk.hangUp(dialog);
      },
      least + Math.random() * (most - least),
    );
  }
}

const numbers = Array.from({ length: AGENTS }, (_, at) => `${30_000 + at}`);
const passwordOf = (number) => `agent-${number}`;
const server = await Server.start();
const parties = [];
try {
  const api = await Api.signIn(server, "admin");
  const [idleKb] = await resources();
  await makeAgents(api);
  const [readyKb] = await resources();
  const centre = new Centre();
  const desk = await SipParty.open("127.0.0.2", server.urls.sip_udp, (request, at) =>
    centre.handle(desk, request, at),
  );
  parties.push(desk);
  await inTurns(numbers, (number) => desk.register(number, passwordOf(number)));
  await callersCome();
  await eventually(
    () => api.get("queues/reception"),
    ({ live }) => live.waiting >= CALLERS,
    ({ live }) => `${live.waiting} wait`,
    PATIENCE_MS,
  );
  // Those who were answered at once make room for others.
  centre.onAnswered = () => void nextCaller();
  const [waitingKb, before] = await resources();
  const began = performance.now();
  centre.measure();
  process.stderr.write(`measuring for ${SECONDS} s\n`);
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1_000));
  const [, after] = await resources();
  const seconds = (performance.now() - began) / 1_000;
  const { live } = await api.get("queues/reception");
  const audit = await api.get("queues/audit");
  const { answered, delays } = centre.stop();
  const say = (line) => process.stdout.write(`${line}\n`);
  say(`${AGENTS} agents on calls, ${CALLERS} callers waiting, ${live.waiting} at the end`);
  say(`free agent until its phone rings, of ${delays.length}: ${percentiles(delays)}`);
  say(`${(answered / seconds).toFixed(1)} calls answered a second`);
  say(
    `CPU: ${(((after - before) / seconds) * 100).toFixed(0)} % of a core, hold music for all included`,
  );
  say(
    `memory: ${mb(idleKb)} MB idle, ${mb(readyKb)} MB with the agents, ${mb(waitingKb)} MB with the callers`,
  );
  say(`audit: ${JSON.stringify(audit)}`);
} finally {
  for (const party of parties) party.close();
  await server.kill();
  await server.stop();
}
process.exit(0);

/** Users, extensions and agents, and all of them in the queue of 6000. */
async function makeAgents(api) {
  const demand = async (method, path, body) => {
    const answer = await api.ask(method, path, { body });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
  };
  await inTurns(numbers, async (number) => {
    const password = passwordOf(number);
    await demand("POST", "extensions", { number, sip_password: password });
    await demand("POST", "users", { username: number, password, role: "agent", extension: number });
    await demand("PUT", `agents/${number}/status`, { status: "online" });
  });
  const tiers = numbers.map((agent) => ({ agent, level: 1, position: 1 }));
  await demand("PATCH", "queues/reception", { tiers, wrap_up_s: 0, max_wait_s: 0 });
}

async function callersCome() {
  const all = CALLERS + AGENTS;
  for (let at = 0; at < Math.ceil((2 * all) / PER_ADDRESS); at += 1) {
    const caller = await SipParty.open(`127.0.1.${at + 1}`, server.urls.sip_udp, (request) => {
      if (request.method !== "ACK") caller.respond(request, "200 OK");
      if (request.method === "BYE") caller.calls -= 1;
    });
    caller.calls = 0;
    parties.push(caller);
  }
  await inTurns(Array.from({ length: all }), nextCaller);
}

async function nextCaller() {
  const caller = parties.slice(1).toSorted((a, b) => a.calls - b.calls)[0];
  caller.calls += 1;
  await caller.call("6000");
}

/** Eight at a time. */
async function inTurns(all, act) {
  const left = [...all];
  const turn = async () => {
    while (left.length > 0) await act(left.pop());
  };
  await Promise.all(Array.from({ length: 8 }, turn));
}

/** Resident memory in kB, and the processor time used so far in seconds. */
async function resources() {
  const proc = `/proc/${server.child.pid}`;
  const [status, stat] = await Promise.all(
    ["status", "stat"].map((file) => readFile(`${proc}/${file}`, "utf8")),
  );
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return [Number(status.match(/VmRSS:\s+(\d+)/)[1]), ticks / TICKS_PER_SECOND];
}

function mb(kb) {
  return (kb / 1_024).toFixed(0);
}
