import { expect, test } from "vitest";
import { callbackRequest, progressOf, refusalOf } from "./progress.ts";

function info(body: string, name = "offhook-call") {
  return { getHeader: () => name, body };
}

test("the place in a queue is read, with the wait when it is known", () => {
  const place = {
    state: "queued",
    queue: "Sales",
    position: 2,
    expected_wait_s: 90,
    callback: true,
  };
  const read = {
    state: "queued",
    queue: "Sales",
    position: 2,
    expectedWaitSeconds: 90,
    offersCallback: true,
  };
  expect(progressOf(info(JSON.stringify(place)))).toEqual(read);
  const unknown = progressOf(info(JSON.stringify({ ...place, expected_wait_s: null })));
  expect(unknown).toEqual({ ...read, expectedWaitSeconds: null });
});

test("who talks is read", () => {
  const told = '{"state":"talking","with":"2001","name":"Agent 2001","agent":true}';
  const read = { state: "talking", with: "2001", name: "Agent 2001", isAgent: true };
  expect(progressOf(info(told))).toEqual(read);
});

test("a callback that was taken is read, one is asked for, and a refusal is understood", () => {
  const taken = progressOf(info('{"state":"callback_taken","number":"1005"}'));
  expect(taken).toEqual({ state: "callback_taken", number: "1005" });
  const { body, extraHeaders } = callbackRequest("1005");
  expect(extraHeaders).toEqual(["Info-Package: offhook-call"]);
  expect(JSON.parse(body.content)).toEqual({ request: "callback", number: "1005" });
  expect(refusalOf('{"error":{"code":"waits_already"}}')).toBe("waits_already");
  for (const odd of ["", "{}", '{"error":{"code":"tea"}}']) expect(refusalOf(odd)).toBe("failed");
});

test("what is about something else, or makes no sense, is left alone", () => {
  expect(progressOf(info('{"state":"menu"}', "dtmf"))).toBeNull();
  for (const body of ["", "null", "{", '{"state":"flying"}', '{"state":"queued","position":0}']) {
    expect(progressOf(info(body))).toBeNull();
  }
});
