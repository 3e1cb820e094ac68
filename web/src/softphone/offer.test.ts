import { expect, it } from "vitest";
import { callRefOf, isAutoAnswer, queueOf } from "./offer.ts";

const message = (headers: Record<string, string>) => ({
  getHeader: (name: string) => headers[name],
});

it("reads the call and the queue that offers it", () => {
  const invite = message({
    "X-Offhook-Call": "c-1",
    "X-Offhook-Queue": "sales",
    "X-Offhook-Queue-Name": '"Sales \\"North\\""',
    "X-Offhook-Waited": "83",
  });
  expect(callRefOf(invite)).toBe("c-1");
  expect(queueOf(invite)).toEqual({
    id: "sales",
    name: 'Sales "North"',
    waitedSeconds: 83,
    callback: null,
  });
});

it("reads nothing where nothing is, and takes the queue's id for a name", () => {
  expect(callRefOf(message({}))).toBeNull();
  expect(queueOf(message({}))).toBeNull();
  const odd = message({ "X-Offhook-Queue": "sales", "X-Offhook-Waited": "soon" });
  expect(queueOf(odd)).toEqual({ id: "sales", name: "sales", waitedSeconds: 0, callback: null });
});

it("obeys an order to answer, and no other alert", () => {
  const order = "<http://www.notused.com>;info=alert-autoanswer;delay=0";
  expect(isAutoAnswer(message({ "Alert-Info": order }))).toBe(true);
  expect(isAutoAnswer(message({ "Alert-Info": "<http://x>;info=ring2" }))).toBe(false);
  expect(isAutoAnswer(message({}))).toBe(false);
});
