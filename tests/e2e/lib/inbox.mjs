const WAIT_MS = 15_000;
const NOTES_KEPT = 60;

/** Messages of a phone in the order they came; each is taken once. */
export class Inbox {
  #messages = [];
  #waiting = [];
  #notes = [];

  constructor(owner) {
    this.owner = owner;
  }

  put(message) {
    this.#messages.push(message);
    for (const check of [...this.#waiting]) check();
  }

  /** Keeps a line for the message of a failing test. */
  note(line) {
    this.#notes.push(line);
    if (this.#notes.length > NOTES_KEPT) this.#notes.shift();
  }

  clear() {
    this.#messages = [];
  }

  /** Takes the first message that `accept` likes, waiting for it when it has not come yet. */
  take(accept, what, timeout = WAIT_MS) {
    return new Promise((resolve, reject) => {
      const finish = (settle, value) => {
        clearTimeout(timer);
        this.#waiting = this.#waiting.filter((one) => one !== check);
        settle(value);
      };
      const check = () => {
        const at = this.#messages.findIndex(accept);
        if (at >= 0) finish(resolve, this.#messages.splice(at, 1)[0]);
      };
      const timer = setTimeout(() => finish(reject, new Error(this.#missed(what))), timeout);
      this.#waiting.push(check);
      check();
    });
  }

  #missed(what) {
    const seen = this.#messages.map((message) => JSON.stringify(message)).join("\n");
    return `${this.owner}: no ${what} in time; seen:\n${seen}\n${this.#notes.join("\n")}`;
  }
}
