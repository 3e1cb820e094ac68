import type { Core } from "sip.js";
import type { SipRejection } from "./failure.ts";

/** What a final response says about the refusal. */
export function rejectionOf({ message }: { message: Core.IncomingResponseMessage }): SipRejection {
  return {
    code: message.statusCode ?? 500,
    phrase: message.reasonPhrase ?? "",
    reasons: message.getHeaders("reason"),
    warning: message.getHeader("warning") ?? null,
  };
}
