import { expect, it } from "vitest";
import { ServerClock } from "./server-clock.ts";

const AT = "2026-12-01T03:00:00Z";

it("leaves the server's times alone when both clocks agree", () => {
  const clock = new ServerClock();
  clock.learn("Tue, 01 Dec 2026 03:00:00 GMT", Date.parse(AT) + 900);
  expect(clock.local(AT)).toBe(Date.parse(AT));
});

it("moves the server's times to a computer whose clock is wrong", () => {
  const clock = new ServerClock();
  clock.learn("Tue, 01 Dec 2026 03:00:00 GMT", Date.parse(AT) - 60_000);
  expect(clock.local(AT)).toBe(Date.parse(AT) - 60_000);
});

it("learns nothing from a date that cannot be read", () => {
  const clock = new ServerClock();
  clock.learn("yesterday", 0);
  clock.learn(null, 0);
  expect(clock.local(AT)).toBe(Date.parse(AT));
});
