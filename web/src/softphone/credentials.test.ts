import { describe, expect, it } from "vitest";
import { isAllowed, parseCredentials, webSocketUrl } from "./credentials.ts";

const ANSWER = {
  username: "guest-1",
  password: "secret",
  domain: "offhook.local",
  ws_url: "/ws",
  expires_at: "2026-11-22T20:00:00Z",
  allowed: ["6000", "555XXXX"],
};

describe("parseCredentials", () => {
  it("reads the server's answer", () => {
    expect(parseCredentials(ANSWER, "https://call.example/")).toEqual({
      username: "guest-1",
      password: "secret",
      domain: "offhook.local",
      wsUrl: "wss://call.example/ws",
      expiresAt: new Date("2026-11-22T20:00:00Z"),
      displayName: null,
      allowed: ["6000", "555XXXX"],
    });
  });

  it("allows everything when the server names no restriction", () => {
    const { allowed: _, ...rest } = ANSWER;
    expect(parseCredentials(rest, "http://localhost/").allowed).toBeNull();
  });

  it.each(["username", "password", "domain"])("refuses an answer without %s", (name) => {
    expect(() => parseCredentials({ ...ANSWER, [name]: "" }, "http://localhost/")).toThrow(name);
  });
});

it.each([
  ["/ws", "http://localhost:3000/agent", "ws://localhost:3000/ws"],
  ["wss://sip.example/ws", "http://localhost/", "wss://sip.example/ws"],
  ["https://sip.example/ws", "http://localhost/", "wss://sip.example/ws"],
])("resolves %s on %s to %s", (address, page, expected) => {
  expect(webSocketUrl(address, page)).toBe(expected);
});

it.each([
  ["6000", true],
  ["555-1234", true],
  ["5551234", true],
  ["555123", false],
  ["1001", false],
])("isAllowed(%s) is %s", (number, expected) => {
  expect(isAllowed(number, ["6000", "555XXXX"])).toBe(expected);
});
