export const BACKOFF_FIRST_MS = 500;
export const BACKOFF_MAX_MS = 15_000;
/** The longest wait while somebody on a call waits with us. */
export const BACKOFF_ON_CALL_MAX_MS = 1_000;

/**
 * The wait before reconnection attempt `attempt` (from 1): doubling with a ceiling, and a random
 * part of half the wait so that many browsers do not return in the same instant.
 */
export function backoffMs(
  attempt: number,
  random: () => number,
  maxMs: number = BACKOFF_MAX_MS,
): number {
  const ceiling = Math.min(maxMs, BACKOFF_FIRST_MS * 2 ** Math.min(attempt - 1, 16));
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}
