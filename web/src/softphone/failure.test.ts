import { describe, expect, it } from "vitest";
import { Problem, Unreachable } from "../api/problem.ts";
import { failureFromApi, failureFromMicrophone, failureFromSip, parseReason } from "./failure.ts";
import { byeFailure, isAnsweredElsewhere, transferOutcome } from "./sip-call.ts";

const sip = (code: number, phrase = "", reasons: string[] = [], warning: string | null = null) =>
  failureFromSip({ code, phrase, reasons, warning });

describe("failureFromSip", () => {
  it.each([
    [401, "unauthorised"],
    [403, "not-allowed"],
    [404, "no-route"],
    [408, "no-answer"],
    [429, "overloaded"],
    [480, "no-answer"],
    [484, "bad-number"],
    [486, "busy"],
    [488, "no-codec"],
    [500, "server"],
    [503, "overloaded"],
    [600, "busy"],
    [603, "declined"],
    [699, "declined"],
  ])("reads %i as %s", (code, kind) => {
    expect(sip(code).kind).toBe(kind);
    expect(sip(code).sipCode).toBe(code);
  });

  it("lets a Q.850 cause say what a vague code does not", () => {
    expect(sip(480, "", ["Q.850;cause=17"]).kind).toBe("busy");
    expect(sip(503, "", ["Q.850 ;cause=1"]).kind).toBe("no-route");
    expect(sip(404, "", ["Q.850;cause=17"]).kind).toBe("no-route");
  });

  it("passes on the server's own words, and not the usual phrase", () => {
    expect(sip(404, "Not Found").detail).toBeNull();
    expect(sip(404, "No extension 1042").detail).toBe("No extension 1042");
    expect(sip(480, "", ['Q.850;cause=19;text="Nobody in \\"sales\\""']).detail).toBe(
      'Nobody in "sales"',
    );
    const named = 'Q.850;cause=1;text="UNALLOCATED_NUMBER"';
    expect(sip(404, "Not Found", [named]).detail).toBeNull();
    expect(sip(404, "No such number", [named]).detail).toBe("No such number");
    expect(sip(488, "", [], '304 offhook "No common codec"').detail).toBe("No common codec");
  });
});

it("parses a Reason header in any order and spacing", () => {
  expect(parseReason("SIP ;text=Gone ;cause=410")).toEqual({
    protocol: "sip",
    cause: 410,
    text: "Gone",
  });
  expect(parseReason("")).toEqual({ protocol: "", text: null });
});

it.each([
  ["NotAllowedError", "microphone-denied"],
  ["NotFoundError", "microphone-missing"],
  ["OverconstrainedError", "microphone-missing"],
  ["NotReadableError", "microphone-busy"],
  ["InsecurePageError", "insecure-page"],
])("explains %s", (name, kind) => {
  expect(failureFromMicrophone(Object.assign(new Error("x"), { name })).kind).toBe(kind);
});

it("explains what the API answers", () => {
  const problem = (status: number, wait: number | null = null) =>
    new Problem(status, "T", "why", "about:blank", wait);
  expect(failureFromApi(new Unreachable("x")).kind).toBe("disconnected");
  expect(failureFromApi(problem(429))).toMatchObject({ kind: "throttled", detail: "why" });
  expect(failureFromApi(problem(429, 24)).advice).toBe("Try again in 24 seconds.");
  expect(failureFromApi(problem(503))).toMatchObject({ kind: "overloaded", detail: "why" });
  expect(failureFromApi(problem(403)).kind).toBe("forbidden");
  expect(failureFromApi(problem(401)).kind).toBe("unauthorised");
  expect(failureFromApi(problem(500)).kind).toBe("server");
});

it("reads how a transfer went", () => {
  expect(transferOutcome("SIP/2.0 100 Trying")).toBe("pending");
  expect(transferOutcome("SIP/2.0 200 OK\r\n")).toBe("done");
  expect(transferOutcome("SIP/2.0 486 Busy Here")).toMatchObject({ kind: "busy" });
  expect(transferOutcome("nonsense")).toBe("pending");
});

it("takes a BYE with a normal cause for an ordinary end", () => {
  expect(byeFailure([])).toBeNull();
  expect(byeFailure(["Q.850;cause=16"])).toBeNull();
  expect(byeFailure(['Q.850;cause=20;text="Nobody is there"'])).toMatchObject({
    kind: "unavailable",
    detail: "Nobody is there",
  });
});

it("hears from a CANCEL that another telephone took the call", () => {
  expect(isAnsweredElsewhere(['SIP;cause=200;text="Call completed elsewhere"'])).toBe(true);
  expect(isAnsweredElsewhere(["Q.850;cause=26"])).toBe(true);
  expect(isAnsweredElsewhere(["SIP;cause=487", "Q.850;cause=16"])).toBe(false);
  expect(isAnsweredElsewhere([])).toBe(false);
});
