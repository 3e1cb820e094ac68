import { problemFrom, Unreachable } from "./problem.ts";
import { serverClock } from "./server-clock.ts";

/** The longest wait for an answer of the API. */
const REQUEST_TIMEOUT_MS = 10_000;

export type HttpMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Asks the API; throws [`Problem`] for an error answer and [`Unreachable`] without one. */
export async function request(method: HttpMethod, path: string, body?: unknown): Promise<unknown> {
  const response = await ask(method, path, body);
  serverClock.learn(response.headers.get("date"), Date.now());
  if (!response.ok && !(path === "/api/health" && response.status === 503)) {
    throw await problemFrom(response);
  }
  const text = await response.text();
  return text === "" ? null : JSON.parse(text);
}

async function ask(method: HttpMethod, path: string, body: unknown): Promise<Response> {
  try {
    return await fetch(path, {
      method,
      credentials: "same-origin",
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  } catch (cause) {
    throw new Unreachable("The server does not answer.", { cause });
  }
}
