/** How the call stands at the server, as it tells by INFO of the package `offhook-call` (RFC 6086). */
export type Progress =
  | { state: "menu" }
  | {
      state: "queued";
      queue: string;
      position: number;
      expectedWaitSeconds: number | null;
      /** Whether the caller may hang up and be called back. */
      offersCallback: boolean;
    }
  | { state: "callback_taken"; number: string }
  | { state: "talking"; with: string; name: string | null; isAgent: boolean }
  | { state: "connecting" };

/** What an INVITE of ours says, so that the server tells. */
export const RECV_INFO = "Recv-Info: offhook-call";

const PACKAGE = "offhook-call";

/** Why the server does not call back. */
export type CallbackRefusal =
  | "not_callable"
  | "waits_already"
  | "not_offered"
  | "not_waiting"
  | "failed";

const REFUSALS: readonly string[] = ["not_callable", "waits_already", "not_offered", "not_waiting"];

/** An INFO request that asks for a callback to this number. */
export function callbackRequest(number: string) {
  return {
    extraHeaders: [`Info-Package: ${PACKAGE}`],
    body: {
      contentDisposition: "Info-Package",
      contentType: "application/json",
      content: JSON.stringify({ request: "callback", number }),
    },
  };
}

/** Reads why a request for a callback was refused. */
export function refusalOf(body: string): CallbackRefusal {
  try {
    const code: unknown = JSON.parse(body).error.code;
    return REFUSALS.includes(code as string) ? (code as CallbackRefusal) : "failed";
  } catch {
    return "failed";
  }
}

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
      return {
        state: "queued",
        queue: text(told.queue),
        position,
        expectedWaitSeconds: wait,
        offersCallback: told.callback === true,
      };
    }
    case "talking":
      return {
        state: "talking",
        with: text(told.with),
        name: text(told.name) || null,
        isAgent: told.agent === true,
      };
    case "callback_taken":
      return { state: "callback_taken", number: text(told.number) };
    default:
      return null;
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
