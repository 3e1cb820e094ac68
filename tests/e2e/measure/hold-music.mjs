// What hold music costs: sipp's calls of 9664 hear it, and the server's CPU is read while they do.
// `OFFHOOK_BIN=… node tests/e2e/measure/hold-music.mjs [calls] [seconds]`.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setTimeout as passes } from "node:timers/promises";
import { start, stop } from "../lib/child.mjs";
import { Server } from "../lib/server.mjs";

const CALLS = Number(process.argv[2] ?? 400);
const SECONDS = Number(process.argv[3] ?? 15);
const PER_SECOND = 200;
/** Jiffies of /proc. */
const TICKS_PER_SECOND = 100;

const server = await Server.start();
const setUpSeconds = Math.ceil(CALLS / PER_SECOND) + 3;
const options = ["-i", "127.0.0.2", "-m", CALLS, "-l", CALLS, "-r", PER_SECOND];
const hold = ["-d", (setUpSeconds + SECONDS + 1) * 1_000];
const args = ["-sn", "uac", "-s", "9664", server.urls.sip_udp, ...options, ...hold].map(String);
const sipp = start("sipp", args, { stdio: "ignore" });
try {
  await passes(setUpSeconds * 1_000);
  const before = await ticks();
  await passes(SECONDS * 1_000);
  const share = (await ticks()) - before;
  const percent = (100 * share) / (TICKS_PER_SECOND * SECONDS);
  console.log(`${CALLS} who hear hold music in PCMU: ${percent.toFixed(1)} % of a core`);
  await once(sipp, "exit");
} finally {
  await stop(sipp);
  await server.stop();
}

/** The CPU time of the server so far: fields 14 and 15 of its stat, behind the name in brackets. */
async function ticks() {
  const stat = await readFile(`/proc/${server.child.pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
