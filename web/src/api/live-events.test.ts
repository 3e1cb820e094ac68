import { afterEach, beforeEach, expect, it, vi } from "vitest";
import {
  type EventStream,
  type LiveEvent,
  LiveEvents,
  RETRY_MS,
  readEvent,
} from "./live-events.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class FakeStream extends EventTarget implements EventStream {
  readyState = 0;
  closed = false;
  close(): void {
    this.closed = true;
  }
  say(type: string, data: unknown): void {
    this.dispatchEvent(Object.assign(new Event(type), { data: JSON.stringify(data) }));
  }
}

function started() {
  const streams: FakeStream[] = [];
  const heard: LiveEvent[] = [];
  let restored = 0;
  const open = () => {
    const stream = new FakeStream();
    streams.push(stream);
    return stream;
  };
  const events = new LiveEvents(
    open,
    (event) => heard.push(event),
    () => {
      restored += 1;
    },
  );
  events.start();
  const stream = () => streams.at(-1) as FakeStream;
  return { events, streams, stream, heard, restored: () => restored };
}

it("tells what comes, named by the stream or not", () => {
  const { events, stream, heard } = started();
  stream().dispatchEvent(new Event("open"));
  expect(events.state.get()).toBe("live");
  stream().say("message", { type: "queue.changed", data: { id: "sales" } });
  stream().say("agent.state_changed", { type: "agent.state_changed", subject: "2001", data: {} });
  expect(heard.map(({ type }) => type)).toEqual(["queue.changed", "agent.state_changed"]);
});

it("has events asked for while the browser tries to get back, and all anew whenever it has", () => {
  const { events, stream, streams, restored } = started();
  stream().dispatchEvent(new Event("open"));
  expect(restored()).toBe(1);
  stream().dispatchEvent(new Event("error"));
  expect(events.state.get()).toBe("polling");
  stream().dispatchEvent(new Event("open"));
  expect([events.state.get(), restored(), streams.length]).toEqual(["live", 2, 1]);
});

it("tries again after a while when the server has refused", () => {
  const { events, stream, streams } = started();
  stream().readyState = 2;
  stream().dispatchEvent(new Event("error"));
  expect([events.state.get(), streams[0]?.closed]).toEqual(["polling", true]);
  vi.advanceTimersByTime(RETRY_MS);
  expect(streams).toHaveLength(2);
  events.stop();
  expect(stream().closed).toBe(true);
});

it("takes nothing that is no event", () => {
  expect(readEvent("{")).toBeNull();
  expect(readEvent("[]")).toBeNull();
  expect(readEvent('{"data":1}')).toBeNull();
});
