/** How often the keep-alive of RFC 5626 3.5.1 goes out. */
export const PING_INTERVAL_MS = 20_000;
/** A pong that takes longer means that the socket is dead. */
export const PONG_TIMEOUT_MS = 10_000;
/** The same when there is reason to doubt the socket. */
export const PROBE_TIMEOUT_MS = 2_000;
const PING = "\r\n\r\n";

/**
 * Notices a socket that died without saying so (a laptop that slept, a network that changed).
 * A server is held to answering pings only after it has answered one.
 */
export class SocketWatch {
  #socket: WebSocket | null = null;
  #interval: ReturnType<typeof setInterval> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #answers = false;

  start(socket: WebSocket): void {
    this.stop();
    this.#socket = socket;
    socket.addEventListener("message", this.#onMessage);
    this.#interval = setInterval(() => this.#ping(), PING_INTERVAL_MS);
    this.#ping();
  }

  stop(): void {
    clearInterval(this.#interval);
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    this.#socket?.removeEventListener("message", this.#onMessage);
    this.#socket = null;
  }

  /** Finds out now whether the socket is alive: something else of this network has fallen silent. */
  probe(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    this.#ping(PROBE_TIMEOUT_MS);
  }

  #ping(timeoutMs = PONG_TIMEOUT_MS): void {
    const socket = this.#socket;
    if (!socket || socket.readyState !== WebSocket.OPEN) return;
    socket.send(PING);
    if (this.#answers && this.#deadline === undefined) {
      this.#deadline = setTimeout(() => giveUp(socket), timeoutMs);
    }
  }

  #onMessage = (event: MessageEvent): void => {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    if (typeof event.data === "string" && /^(\r\n)+$/.test(event.data)) this.#answers = true;
  };
}

/** Closing a dead socket waits for the peer, so its end is announced first. */
function giveUp(socket: WebSocket): void {
  socket.dispatchEvent(new CloseEvent("close", { code: 4408, reason: "no pong" }));
  socket.close();
}
