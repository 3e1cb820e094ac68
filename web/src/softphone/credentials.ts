import { isRecord } from "../api/problem.ts";

/** What a browser needs to place calls: SIP credentials and where to connect. */
export interface Credentials {
  username: string;
  password: string;
  domain: string;
  /** Absolute ws: or wss: address. */
  wsUrl: string;
  expiresAt: Date | null;
  displayName: string | null;
  /** Patterns of numbers that may be dialled (X is any digit); null when there is no restriction. */
  allowed: string[] | null;
}

/** Checks the JSON of `/api/session/guest` or `/api/session/sip`; `page` is the page's own address. */
export function parseCredentials(json: unknown, page: string): Credentials {
  if (!isRecord(json)) throw new TypeError("The session answer is not an object.");
  return {
    username: field(json, "username"),
    password: field(json, "password"),
    domain: field(json, "domain"),
    wsUrl: webSocketUrl(typeof json.ws_url === "string" ? json.ws_url : "/ws", page),
    expiresAt: date(json.expires_at),
    displayName: typeof json.display_name === "string" ? json.display_name : null,
    allowed: Array.isArray(json.allowed)
      ? json.allowed.filter((pattern): pattern is string => typeof pattern === "string")
      : null,
  };
}

/** Resolves a possibly relative address and turns http(s) into ws(s). */
export function webSocketUrl(address: string, page: string): string {
  const url = new URL(address, page);
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol === "https:") url.protocol = "wss:";
  return url.href;
}

/** Whether `number` fits one of the patterns; X or x stands for one digit. */
export function isAllowed(number: string, patterns: string[] | null): boolean {
  if (patterns === null) return true;
  const dialled = number.replace(/-/g, "");
  return patterns.some((pattern) => {
    const wanted = pattern.replace(/-/g, "");
    if (wanted.length !== dialled.length) return false;
    return [...wanted].every((c, i) =>
      c === "X" || c === "x" ? /\d/.test(dialled[i] ?? "") : c === dialled[i],
    );
  });
}

function field(json: Record<string, unknown>, name: string): string {
  const value = json[name];
  if (typeof value !== "string" || value === "") {
    throw new TypeError(`The session answer has no ${name}.`);
  }
  return value;
}

function date(value: unknown): Date | null {
  if (typeof value !== "string") return null;
  const parsed = new Date(value);
  return Number.isNaN(parsed.getTime()) ? null : parsed;
}
