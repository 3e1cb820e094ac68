import { expect, it } from "vitest";
import { failure } from "../softphone/index.ts";
import {
  clock,
  connectionFailure,
  guestName,
  progressWords,
  signInFailure,
  spokenDuration,
} from "./words.ts";

it("writes durations", () => {
  expect([0, 9, 75, 3599, 3675].map(clock)).toEqual(["0:00", "0:09", "1:15", "59:59", "1:01:15"]);
  expect([12, 75].map(spokenDuration)).toEqual(["12 s", "1 min 15 s"]);
});

it("speaks of signing in when that is what failed", () => {
  expect(signInFailure(failure("unauthorised", "Bad password")).detail).toBeNull();
  expect(signInFailure(failure("disconnected")).advice).not.toMatch(/page keeps trying/);
  expect(signInFailure(failure("server")).title).not.toMatch(/call/);
  expect(signInFailure(failure("throttled")).title).not.toMatch(/call/);
});

it("speaks of calls in general when the connection is refused", () => {
  expect(connectionFailure(failure("server", "why"))).toMatchObject({
    title: "No calls are possible at the moment",
    detail: "why",
  });
  expect(connectionFailure(failure("throttled"))).toEqual(failure("throttled"));
});

it("names a guest for people", () => {
  expect(guestName("guest-1795389547-cbb6f94cfcca7de8")).toBe("Guest 7de8");
  expect(guestName("2001")).toBeNull();
});

it("says how a call stands", () => {
  const queued = {
    state: "queued",
    queue: "Sales",
    position: 1,
    expectedWaitSeconds: null,
    offersCallback: false,
  } as const;
  expect(progressWords(queued)).toBe("You are next in line for Sales");
  const later = { ...queued, position: 3, expectedWaitSeconds: 130 };
  expect(progressWords(later)).toBe("You are number 3 in line for Sales, about 3 minutes");
  const talking = { state: "talking", with: "2001", name: "Agent 2001", isAgent: true } as const;
  expect(progressWords(talking)).toBe("Agent 2001 is speaking with you");
  expect(progressWords({ state: "connecting" })).toBeNull();
});
