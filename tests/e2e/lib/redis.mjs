import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start, stop } from "./child.mjs";
import { eventually } from "./eventually.mjs";

const START_TIMEOUT_MS = 10_000;

/** Debian's Redis on a socket of its own, without a port and without a file. */
export class Redis {
  static async start() {
    const redis = new Redis();
    redis.directory = await mkdtemp(join(tmpdir(), "offhook-redis-"));
    redis.socket = join(redis.directory, "redis.sock");
    const args = ["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket", redis.socket];
    redis.child = start("redis-server", args, { stdio: "ignore" });
    await eventually(
      () => answers(redis.socket),
      Boolean,
      () => "no Redis",
      START_TIMEOUT_MS,
    );
    return redis;
  }

  get url() {
    return `unix://${this.socket}`;
  }

  async stop() {
    await stop(this.child);
    await rm(this.directory, { recursive: true, force: true });
  }
}

function answers(path) {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("error", () => resolve(false));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString() === "+PONG\r\n");
    });
    socket.write("PING\r\n");
  });
}
