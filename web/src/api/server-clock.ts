/** A smaller difference is that of the header's whole seconds and of the way there. */
const SKEW_MS_MIN = 2_000;

/** What the server's clock shows, for counting from its times on a computer whose clock is wrong. */
export class ServerClock {
  #skewMs = 0;

  /** Learns from an answer's Date header (RFC 9110 6.6.1); `now` is milliseconds since the epoch. */
  learn(date: string | null, now: number): void {
    const told = date === null ? Number.NaN : Date.parse(date);
    if (Number.isNaN(told)) return;
    const skew = told - now;
    this.#skewMs = Math.abs(skew) < SKEW_MS_MIN ? 0 : skew;
  }

  /** A moment of the server, RFC 3339, as milliseconds of this computer's clock. */
  local(moment: string): number {
    return Date.parse(moment) - this.#skewMs;
  }
}

export const serverClock = new ServerClock();
