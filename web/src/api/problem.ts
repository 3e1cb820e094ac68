/** A value that is not allowed, by the field's name, and what is allowed there. */
export interface FieldError {
  field: string;
  allowed: string;
}

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
    /** The values that are not allowed, and what is. */
    readonly errors: FieldError[] = [],
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
    Array.isArray(fields.errors) ? fields.errors.flatMap(fieldError) : [],
  );
}

function fieldError(value: unknown): FieldError[] {
  if (!isRecord(value)) return [];
  const [field, allowed] = [text(value.field), text(value.allowed)];
  return field && allowed ? [{ field, allowed }] : [];
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
