/** How the call stands at the server, as it tells by INFO of the package `offhook-call` (RFC 6086). */
export type Progress =
  | { state: "menu" }
  | { state: "queued"; queue: string; position: number; expectedWaitSeconds: number | null }
  | { state: "talking"; with: string; name: string | null }
  | { state: "connecting" };

/** What an INVITE of ours says, so that the server tells. */
export const RECV_INFO = "Recv-Info: offhook-call";

const PACKAGE = "offhook-call";

/** Reads an INFO request; null when it is about something else. */
export function progressOf(request: {
  getHeader(name: string): string | undefined;
  body: string;
}): Progress | null {
  if (request.getHeader("Info-Package")?.trim() !== PACKAGE) return null;
  let told: unknown;
  try {
    told = JSON.parse(request.body);
  } catch {
    return null;
  }
  return typeof told === "object" && told !== null ? read(told as Record<string, unknown>) : null;
}

function read(told: Record<string, unknown>): Progress | null {
  switch (told.state) {
    case "menu":
    case "connecting":
      return { state: told.state };
    case "queued": {
      const position = Number(told.position);
      if (!Number.isInteger(position) || position < 1) return null;
      const wait = typeof told.expected_wait_s === "number" ? told.expected_wait_s : null;
      return { state: "queued", queue: text(told.queue), position, expectedWaitSeconds: wait };
    }
    case "talking":
      return { state: "talking", with: text(told.with), name: text(told.name) || null };
    default:
      return null;
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
