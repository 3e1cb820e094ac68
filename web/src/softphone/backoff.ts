export const BACKOFF_FIRST_MS = 500;
export const BACKOFF_MAX_MS = 15_000;

/**
 * The wait before reconnection attempt `attempt` (from 1): doubling with a ceiling, and a random
 * part of half the wait so that many browsers do not return in the same instant.
 */
export function backoffMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt - 1, 16));
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}
