import { spawn } from "node:child_process";
import { once } from "node:events";

const STOP_TIMEOUT_MS = 10_000;
const running = new Set();

// A test process that dies is not to leave its servers and phones behind.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(1));

/** Starts a program that does not outlive this process. */
export function start(program, args, options) {
  const child = spawn(program, args, options);
  running.add(child);
  child.once("exit", () => running.delete(child));
  child.once("error", () => running.delete(child));
  return child;
}

/** Asks a program to end by `ask` and makes it end when it does not. */
export async function stop(child, ask = () => child.kill("SIGTERM")) {
  const hasEnded = child.exitCode !== null || child.signalCode !== null;
  if (!running.has(child) || hasEnded) return;
  const exited = once(child, "exit");
  ask();
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
