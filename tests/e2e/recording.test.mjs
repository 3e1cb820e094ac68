// Calls between real phones are recorded by order, and what was recorded survives the server.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { Api } from "./lib/api.mjs";
import { Baresip } from "./lib/baresip.mjs";
import { hearsTone } from "./lib/browser.mjs";
import { eventually } from "./lib/eventually.mjs";
import { Pjsua } from "./lib/pjsua.mjs";
import { Server } from "./lib/server.mjs";
import { levelDbm0, readWav, share } from "./lib/tone.mjs";

const CALLER_HZ = 900;
const CALLEE_HZ = 700;
const PATIENCE_MS = 20_000;
const UNHEARD_DBM0 = -45;

let server;
let caller;
let callee;
let supervisor;
let keys;

/** Waits for what the recorder writes, which it does once a second. */
function recorded(call, accept, what) {
  const pleases = (bytes) => bytes !== null && accept(bytes);
  const missing = () => `${what} did not come\n${server.log}`;
  return eventually(() => audio(call), pleases, missing, PATIENCE_MS);
}

const channel = (bytes, number) => readWav(bytes, { channel: number });
const seconds = (bytes) => channel(bytes, 0).samples.length / channel(bytes, 0).rate;

async function audio(call) {
  const answer = await supervisor.ask("GET", `calls/${call}/recording`);
  if (answer.status !== 200) return null;
  const bytes = Buffer.from(await answer.arrayBuffer());
  return bytes.length > 44 ? bytes : null;
}

/** The last half second of both channels. */
function ends(bytes) {
  return [0, 1].map((number) => {
    const { samples, rate } = channel(bytes, number);
    return { samples: samples.subarray(-Math.round(rate / 2)), rate };
  });
}

const keyFile = () => join(keys, "recordings.key");

/** What an operator gets at a shell; of a recording without an end it is all that is there. */
async function decrypted(path) {
  const raw = await readFile(path);
  assert.ok(!raw.includes("RIFF"), "the file is not encrypted");
  const run = promisify(execFile)(
    process.env.OFFHOOK_BIN,
    ["recording", "decrypt", path, "--key-file", keyFile()],
    { encoding: "buffer", maxBuffer: 1 << 26 },
  );
  const cut = await run.then(
    () => assert.fail("a killed server leaves a recording without an end"),
    (error) => error,
  );
  assert.match(cut.stderr.toString(), /has no end/);
  return cut.stdout;
}

function hasBothTones(bytes) {
  const [said, heard] = ends(bytes);
  return (
    share(said.samples, said.rate, CALLER_HZ) > 0.8 &&
    share(heard.samples, heard.rate, CALLEE_HZ) > 0.8
  );
}

function isSilent(bytes) {
  return ends(bytes).every(({ samples, rate }) =>
    [CALLER_HZ, CALLEE_HZ].every((hz) => levelDbm0(samples, rate, hz) < UNHEARD_DBM0),
  );
}

describe("a recording", () => {
  before(async () => {
    keys = await mkdtemp(join(tmpdir(), "offhook-keys-"));
    await writeFile(keyFile(), "0123456789abcdef".repeat(4), { mode: 0o600 });
    server = await Server.start({ env: { OFFHOOK_MEDIA__RECORDINGS_KEY_FILE: keyFile() } });
    const account = (number) => ({
      number,
      password: `demo-${number}`,
      server: server.urls.sip_udp,
    });
    callee = await Baresip.start({ ...account("1002"), microphone: CALLEE_HZ, codecs: ["opus"] });
    caller = await Pjsua.start({ ...account("1001"), microphone: CALLER_HZ, codecs: ["PCMU"] });
    supervisor = await Api.signIn(server, "supervisor");
  });

  after(async () => {
    await Promise.all([caller?.stop(), callee?.stop()]);
    await server?.stop();
    await rm(keys, { recursive: true, force: true });
  });

  it("has a channel for each party, is silent while paused, and outlives a killed server", async () => {
    await caller.dial("sip:1002@offhook.local");
    await callee.event("CALL_INCOMING");
    await callee.answer();
    await caller.listenUntil(hearsTone(CALLEE_HZ), "the callee");
    const { items } = await supervisor.get("calls/active");
    assert.equal(items.length, 1);
    const call = items[0].id;
    const order = async (method, path) =>
      assert.equal(
        (await supervisor.ask(method, `calls/active/${call}/recording${path}`)).status,
        202,
      );

    await order("POST", "");
    await recorded(call, hasBothTones, "both tones");
    await order("POST", "/pause");
    await recorded(call, isSilent, "the silence of a pause");
    await order("POST", "/resume");
    const bytes = await recorded(call, hasBothTones, "both tones again");
    const known = await supervisor.get(`recordings?call=${call}`);
    const [{ id, state, encrypted }] = known.items;
    assert.deepEqual([id, state, encrypted], [`${call}-1`, "recording", true]);

    const range = await supervisor.ask("GET", `calls/${call}/recording`, {
      headers: { range: "bytes=0-43" },
    });
    assert.equal(range.status, 206);
    assert.equal((await range.arrayBuffer()).byteLength, 44);

    server.child.kill("SIGKILL");
    const folder = join(server.dataDir, "recordings");
    const names = await readdir(folder, { recursive: true });
    const path = names.find((name) => name.endsWith(`${call}-1.wav.enc`));
    assert.match(path, /^\d{4}\/\d\d\/\d\d\//);
    const left = await decrypted(join(folder, path));
    assert.ok(seconds(left) >= seconds(bytes), `${seconds(left)} of ${seconds(bytes)} s`);
    assert.ok(hasBothTones(left));
  });
});
