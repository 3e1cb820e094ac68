const PAUSE_MS = 100;

/**
 * Asks again until the answer pleases `accept`, and gives it. `missing` makes the message of the
 * failure from the last answer, `timeout` is in ms. For files that others write and counters that others move.
 */
export async function eventually(ask, accept, missing, timeout) {
  const deadline = Date.now() + timeout;
  for (;;) {
    const answer = await ask();
    if (accept(answer)) return answer;
    if (Date.now() > deadline) throw new Error(await missing(answer));
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
