// What every scripted phone has in common: a list of events, and waiting for one of them.

const EVENT_TIMEOUT_MS = 15_000;

/** Keeps what a phone reports and hands it to whoever waits. Nothing is polled. */
export class EventLog {
  #events = [];
  #waiting = new Set();

  push(event) {
    this.#events.push(event);
    for (const check of [...this.#waiting]) check();
  }

  /** The events that match, so far. */
  all(matches) {
    return this.#events.filter(matches);
  }

  /** The first event that matches and that no earlier `next` has taken. */
  next(what, matches, timeout = EVENT_TIMEOUT_MS) {
    return new Promise((resolve, reject) => {
      const check = () => {
        const event = this.#events.find((e) => !e.taken && matches(e));
        if (!event) return;
        event.taken = true;
        this.#waiting.delete(check);
        clearTimeout(timer);
        resolve(event);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        reject(new Error(`no ${what} in ${timeout} ms; so far: ${this.#describe()}`));
      }, timeout);
      this.#waiting.add(check);
      check();
    });
  }

  #describe() {
    return this.#events.map((e) => JSON.stringify(e)).join("\n  ");
  }
}
