import { expect, it } from "vitest";
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, backoffMs } from "./backoff.ts";

it("doubles up to its ceiling", () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 1000].map((attempt) => backoffMs(attempt, () => 1));
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
});

it("spreads clients over half the wait", () => {
  expect(backoffMs(1, () => 0)).toBe(BACKOFF_FIRST_MS / 2);
  expect(backoffMs(99, () => 0)).toBe(BACKOFF_MAX_MS / 2);
});
