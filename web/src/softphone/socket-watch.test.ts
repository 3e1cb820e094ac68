import { afterEach, beforeEach, expect, it, vi } from "vitest";
import {
  PING_INTERVAL_MS,
  PONG_TIMEOUT_MS,
  PROBE_TIMEOUT_MS,
  SocketWatch,
} from "./socket-watch.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class FakeSocket extends EventTarget {
  readyState: number = WebSocket.OPEN;
  pings = 0;
  ends: number[] = [];
  send(data: string): void {
    if (data === "\r\n\r\n") this.pings += 1;
  }
  close(): void {
    this.readyState = WebSocket.CLOSED;
  }
  receive(data: string): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }
}

function watched() {
  const socket = new FakeSocket();
  socket.addEventListener("close", (event) => socket.ends.push((event as CloseEvent).code));
  const watch = new SocketWatch();
  watch.start(socket as unknown as WebSocket);
  return { socket, watch };
}

it("gives up a socket that stopped answering pings", () => {
  const { socket } = watched();
  socket.receive("\r\n");
  vi.advanceTimersByTime(PING_INTERVAL_MS + PONG_TIMEOUT_MS - 1);
  expect(socket.ends).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(socket.ends).toEqual([4408]);
});

it("finds out soon that a socket is dead when there is reason to doubt it", () => {
  const { socket, watch } = watched();
  socket.receive("\r\n");
  vi.advanceTimersByTime(PING_INTERVAL_MS);
  watch.probe();
  vi.advanceTimersByTime(PROBE_TIMEOUT_MS - 1);
  expect(socket.ends).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(socket.ends).toEqual([4408]);
});

it("keeps a doubted socket that answers", () => {
  const { socket, watch } = watched();
  socket.receive("\r\n");
  watch.probe();
  socket.receive("\r\n");
  vi.advanceTimersByTime(PROBE_TIMEOUT_MS);
  expect(socket.ends).toEqual([]);
});

it("takes any message for a sign of life", () => {
  const { socket } = watched();
  socket.receive("\r\n");
  vi.advanceTimersByTime(PING_INTERVAL_MS);
  socket.receive("SIP/2.0 200 OK");
  vi.advanceTimersByTime(PONG_TIMEOUT_MS);
  expect(socket.ends).toEqual([]);
});

it("does not hold a server to pongs that never sent one", () => {
  const { socket } = watched();
  vi.advanceTimersByTime(10 * PING_INTERVAL_MS);
  expect(socket.pings).toBe(11);
  expect(socket.ends).toEqual([]);
});

it("falls silent when it is stopped", () => {
  const { socket, watch } = watched();
  watch.stop();
  vi.advanceTimersByTime(10 * PING_INTERVAL_MS);
  expect(socket.pings).toBe(1);
});
