import { Problem } from "../api/problem.ts";
import { failureFromApi } from "../softphone/index.ts";

/** Statuses of which the server's words say more than ours. */
const WORDS_OF_THE_SERVER = new Set([404, 409, 422, 503]);

/** Why something was not done, in a sentence or two. */
export function whyNot(error: unknown): string {
  if (error instanceof Problem && WORDS_OF_THE_SERVER.has(error.status)) {
    return error.detail ?? `${error.title}.`;
  }
  const { kind, title, advice, detail } = failureFromApi(error);
  if (kind === "server") return detail ?? "The server could not do it. Please try again.";
  return `${title}. ${advice}`;
}
