/** An error answer of the API in the form of RFC 9457 (application/problem+json). */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string | null,
    readonly type: string,
    /** Seconds to wait before another try, from Retry-After. */
    readonly retryAfterSeconds: number | null,
  ) {
    super(detail ?? title);
  }
}

/** The server could not be asked at all: no network, or nobody listens. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

export async function problemFrom(response: Response): Promise<Problem> {
  const fields = await response
    .json()
    .then((body: unknown) => (isRecord(body) ? body : {}))
    .catch(() => ({}) as Record<string, unknown>);
  const retryAfter = Number(response.headers.get("retry-after"));
  return new Problem(
    response.status,
    text(fields.title) ?? (response.statusText || `HTTP ${response.status}`),
    text(fields.detail),
    text(fields.type) ?? "about:blank",
    Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : null,
  );
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
