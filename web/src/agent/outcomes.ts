import type { Outcome } from "../api/desk.ts";
import { Store } from "../softphone/index.ts";

/** Calls whose notes are kept in the page; the oldest are forgotten. */
const CALLS_MAX = 20;
const NOTHING: Outcome = { notes: "", disposition: null };

/** What the agent has written of the latest calls, by the server's name for each. */
export class Outcomes {
  readonly state = new Store<ReadonlyMap<string, Outcome>>(new Map());

  of(call: string): Outcome {
    return this.state.get().get(call) ?? NOTHING;
  }

  write(call: string, part: Partial<Outcome>): Outcome {
    const outcome = { ...this.of(call), ...part };
    const others = [...this.state.get()].filter(([one]) => one !== call);
    this.state.set(new Map([...others.slice(1 - CALLS_MAX), [call, outcome]]));
    return outcome;
  }
}

export const outcomes = new Outcomes();
