// How long it takes from a key to the next prompt: sipp presses keys by INFO, and the packets that come are
// looked at one by one. `OFFHOOK_BIN=… node tests/e2e/measure/ivr-latency.mjs [keys]`.
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Api } from "../lib/api.mjs";
import { start, stop } from "../lib/child.mjs";
import { percentiles } from "../lib/percentiles.mjs";
import { RtpParty } from "../lib/rtp.mjs";
import { Server } from "../lib/server.mjs";
import { callAndPress } from "../lib/sipp-keys.mjs";
import { share } from "../lib/tone.mjs";

const KEYS = Number(process.argv[2] ?? 200);
const HZ = { main: 600, two: 1000 };
const RATE = 8_000;
/** A packet of 20 ms that holds this much of a tone is of its prompt. */
const SHARE = 0.6;

const menu = (id, options) => ({
  id,
  greeting: `tone:${HZ[id]},20000`,
  timeout_ms: 30_000,
  options,
});
const server = await Server.start();
const folder = await mkdtemp(join(tmpdir(), "offhook-ivr-"));
const party = await RtpParty.open();
try {
  const api = await Api.signIn(server, "admin");
  await api.ask("POST", "ivr/menus", {
    body: menu("two", { "*": { action: "back" } }),
  });
  const down = { action: "go_to", parameters: { kind: "menu", to: "two" } };
  const put = await api.ask("PUT", "ivr/menus/main", {
    body: menu("main", { 3: down }),
  });
  if (!put.ok) throw new Error(await put.text());

  const arrivals = [];
  party.onPacket = (samples) => arrivals.push({ at: Date.now() + fraction(), samples });
  const file = join(folder, "keys.xml");
  const keys = Array.from({ length: KEYS }, (_, n) => (n % 2 ? "*" : "3"));
  await writeFile(file, callAndPress(party.socket.address().port, keys, 400));
  const options = ["-sf", file, "-s", "9999", "-i", "127.0.0.2", "-m", "1", "-nostdin"];
  const log = join(folder, "messages.log");
  const sipp = start(
    "sipp",
    [server.urls.sip_udp, ...options, "-trace_msg", "-message_file", log],
    {
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  const [code] = await once(sipp, "exit");
  await stop(sipp);
  if (code !== 0) throw new Error(`sipp ended with ${code}: ${await readdir(folder)}`);
  report(latencies(pressedAt(await readFile(log, "utf8")), arrivals));
} finally {
  party.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}

/** The part of a millisecond that `Date.now` leaves out. */
function fraction() {
  return (performance.timeOrigin + performance.now()) % 1;
}

/** When sipp sent each INFO, in milliseconds of Unix time. */
function pressedAt(log) {
  const messages = log.split(/^-{20,} /m);
  const sent = messages.filter(
    (message) => /message sent/.test(message) && /^INFO /m.test(message),
  );
  return sent.map((message) => {
    const [, date, time, micros] = message.match(/^(\d{4}-\d\d-\d\d)[T\s]+([\d:]{8})\.(\d{6})/);
    return new Date(`${date}T${time}`).getTime() + Number(micros) / 1_000;
  });
}

function latencies(pressed, arrivals) {
  return pressed.map((at, n) => {
    const hz = n % 2 ? HZ.main : HZ.two;
    const is = ({ at: came, samples }) => came > at && share(samples, RATE, hz) > SHARE;
    const first = arrivals.find(is);
    return first ? first.at - at : Number.NaN;
  });
}

function report(all) {
  process.stdout.write(`${all.length} keys: ${percentiles(all)}\n`);
}
