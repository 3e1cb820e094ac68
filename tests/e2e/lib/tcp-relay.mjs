import { once } from "node:events";
import { connect, createServer } from "node:net";

/** A TCP relay in front of the server, so that tests can cut a browser's connections. */
export class TcpRelay {
  #sockets = new Set();
  #open = true;

  /** Relays to `url` and gives the address to use in its place. */
  static async start(url) {
    const target = new URL(url);
    const proxy = new TcpRelay();
    proxy.listener = createServer((client) => proxy.#relay(client, target));
    proxy.listener.listen(0, "127.0.0.1");
    await once(proxy.listener, "listening");
    proxy.url = `http://127.0.0.1:${proxy.listener.address().port}/`;
    return proxy;
  }

  /** Ends all connections and, until `restore`, refuses others. */
  cut() {
    this.#open = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  restore() {
    this.#open = true;
  }

  async stop() {
    this.cut();
    this.listener.close();
    await once(this.listener, "close");
  }

  #relay(client, target) {
    if (!this.#open) {
      client.destroy();
      return;
    }
    const server = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ]) {
      this.#sockets.add(from);
      // A reset on one side is an ordinary end for the other.
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}
