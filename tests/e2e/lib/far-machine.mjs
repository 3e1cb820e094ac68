// A machine at the other end of a network that can be lost: a network namespace behind a bridge.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const ip = (line) => run("ip", line.split(" "));

export class FarMachine {
  /** Names and addresses of their own for each process, so that tests can run side by side. */
  #id = process.pid % 60_000;
  #near = `ohn${this.#id}`;
  #far = `ohf${this.#id}`;
  #way = `ohw${this.#id}`;
  #subnet = `10.${70 + ((this.#id >> 8) % 100)}.${this.#id & 0xff}`;

  /** Makes the namespaces; needs root, as the tests that use it say. */
  static async make() {
    const machine = new FarMachine();
    try {
      await machine.#lay();
      return machine;
    } catch (error) {
      await machine.remove();
      throw error;
    }
  }

  /** The address of this machine as the far one sees it. */
  get near() {
    return `${this.#subnet}.1`;
  }

  async #lay() {
    const [near, far, way] = [this.#near, this.#far, this.#way];
    await ip(`netns add ${far}`);
    await ip(`netns add ${way}`);
    await ip(`link add ${near} type veth peer name near netns ${way}`);
    await ip(`-n ${way} link add far type veth peer name eth0 netns ${far}`);
    await ip(`-n ${way} link add bridge type bridge`);
    for (const end of ["near", "far"]) {
      await ip(`-n ${way} link set ${end} master bridge up`);
    }
    await ip(`-n ${way} link set bridge up`);
    await ip(`addr add ${this.near}/24 dev ${near}`);
    await ip(`link set ${near} up`);
    await ip(`-n ${far} addr add ${this.#subnet}.2/24 dev eth0`);
    for (const link of ["eth0", "lo"]) await ip(`-n ${far} link set ${link} up`);
  }

  /** Somewhere on the way nothing gets through any longer; neither end is told. */
  lose() {
    return ip(`-n ${this.#way} link set near nomaster`);
  }

  restore() {
    return ip(`-n ${this.#way} link set near master bridge`);
  }

  /** The cable is out of the far machine, which notices that. */
  unplug() {
    return ip(`-n ${this.#far} link set eth0 down`);
  }

  plug() {
    return ip(`-n ${this.#far} link set eth0 up`);
  }

  /** A program that runs `executable` over there. */
  async program(executable) {
    this.directory ??= await mkdtemp(join(tmpdir(), "offhook-far-"));
    const file = join(this.directory, "program");
    const script = `#!/bin/sh\nexec ip netns exec ${this.#far} ${executable} "$@"\n`;
    await writeFile(file, script, { mode: 0o755 });
    return file;
  }

  async remove() {
    for (const line of [
      `link del ${this.#near}`,
      `netns del ${this.#far}`,
      `netns del ${this.#way}`,
    ]) {
      await ip(line).catch(() => undefined);
    }
    if (this.directory) await rm(this.directory, { recursive: true, force: true });
  }
}
