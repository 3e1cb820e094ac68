import { expect, it } from "vitest";
import { clock, spokenDuration } from "./words.ts";

it("writes durations", () => {
  expect([0, 9, 75, 3599, 3675].map(clock)).toEqual(["0:00", "0:09", "1:15", "59:59", "1:01:15"]);
  expect([12, 75].map(spokenDuration)).toEqual(["12 s", "1 min 15 s"]);
});
