import { expect, test } from "vitest";
import { progressOf } from "./progress.ts";

function info(body: string, name = "offhook-call") {
  return { getHeader: () => name, body };
}

test("the place in a queue is read, with the wait when it is known", () => {
  const place = { state: "queued", queue: "Sales", position: 2, expected_wait_s: 90 };
  const read = { state: "queued", queue: "Sales", position: 2, expectedWaitSeconds: 90 };
  expect(progressOf(info(JSON.stringify(place)))).toEqual(read);
  const unknown = progressOf(info(JSON.stringify({ ...place, expected_wait_s: null })));
  expect(unknown).toEqual({ ...read, expectedWaitSeconds: null });
});

test("who talks is read", () => {
  const told = '{"state":"talking","with":"2001","name":"Agent 2001"}';
  const read = { state: "talking", with: "2001", name: "Agent 2001" };
  expect(progressOf(info(told))).toEqual(read);
});

test("what is about something else, or makes no sense, is left alone", () => {
  expect(progressOf(info('{"state":"menu"}', "dtmf"))).toBeNull();
  for (const body of ["", "null", "{", '{"state":"flying"}', '{"state":"queued","position":0}']) {
    expect(progressOf(info(body))).toBeNull();
  }
});
