import { describe, expect, it } from "vitest";
import { isDtmfKey, readNumber, typedNumber } from "./number.ts";

describe("readNumber", () => {
  it.each([
    ["6000", "6000"],
    [" 555-1234 ", "5551234"],
    ["+49 (30) 12 34 / 56", "+4930123456"],
    ["555\u20131234", "5551234"],
    ["\u202A9196\u202C", "9196"],
    ["９１９６", "9196"],
    ["*98", "*98"],
    ["#31#1001", "#31#1001"],
    ["tel:+1-555-0100;phone-context=example.org", "+15550100"],
    ["sip:6000@offhook.local;transport=ws", "6000"],
    ["sip:%2398@offhook.local", "#98"],
  ])("reads %j as %s", (input, number) => {
    expect(readNumber(input)).toBe(number);
  });

  it.each([
    "",
    "   ",
    "alice",
    "sip:alice@example.org",
    "60+00",
    "+",
    "1".repeat(33),
    "6000; DROP",
    "tel:%E0%A4%A",
  ])("refuses %j", (input) => {
    expect(readNumber(input)).toBeNull();
  });
});

describe("typedNumber", () => {
  it("drops what cannot be part of a number", () => {
    expect(typedNumber("call 555-1234!")).toBe(" 555-1234");
  });
  it("reads a pasted address", () => {
    expect(typedNumber("sip:6000@offhook.local")).toBe("6000");
  });
});

it("knows the keys of a telephone", () => {
  expect([..."0123456789*#"].every(isDtmfKey)).toBe(true);
  expect(["a", "12", "", "+", "Enter"].some(isDtmfKey)).toBe(false);
});
