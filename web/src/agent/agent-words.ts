import type { Agent, AgentStatus, Queue } from "../api/desk.ts";
import { clock } from "../portal/words.ts";
import type { QueueOffer } from "../softphone/index.ts";

/** "waited 1:15"; whoever is to be called back has asked for that some time ago. */
export function waitedWords({ waitedSeconds, callback }: QueueOffer): string {
  return callback ? `asked ${clock(waitedSeconds)} ago` : `waited ${clock(waitedSeconds)}`;
}

const STATUS_WORDS: Record<AgentStatus, string> = {
  online: "Online",
  busy: "Busy",
  away: "Away",
  offline: "Offline",
};

export function statusWords(status: AgentStatus, reason: string | null = null): string {
  return reason ? `${STATUS_WORDS[status]}: ${reason}` : STATUS_WORDS[status];
}

const CALL_WORDS: Record<NonNullable<Agent["sub_state"]>, string> = {
  talking: "On a call",
  hold: "On a call, holding",
  consult: "On a call, consulting",
  conference: "In a conference",
};

/** What an agent does, as one would say it. */
export function stateWords({ state, sub_state, status, reason, reachable }: Agent): string {
  switch (state) {
    case "offline":
      return status !== "offline" && !reachable ? "No telephone" : "Offline";
    case "ready":
      return "Ready";
    case "reserved":
    case "ringing":
      return "Ringing";
    case "on_call":
      return sub_state ? CALL_WORDS[sub_state] : "On a call";
    case "acw":
      return "Wrap-up";
    case "not_ready":
      return reason ?? (status === "online" ? "Not ready" : STATUS_WORDS[status]);
  }
}

/** A colour of Mantine's for what an agent does. */
export function stateColour({ state }: Pick<Agent, "state">): string {
  switch (state) {
    case "ready":
      return "green";
    case "reserved":
    case "ringing":
      return "yellow";
    case "on_call":
      return "blue";
    case "acw":
      return "grape";
    case "not_ready":
      return "orange";
    case "offline":
      return "gray";
  }
}

/** What comes after what the agent does now, when that is something else. */
export function nextWords({ state, status, reason }: Agent): string | null {
  const busy = state === "on_call" || state === "acw" || state === "ringing";
  return busy && status !== "online" ? `then ${statusWords(status, reason)}` : null;
}

export function queueName({ display_name, id }: Pick<Queue, "display_name" | "id">): string {
  return display_name || id;
}

/** 0.834 as "83 %"; a dash for what there is none of. */
export function percent(part: number | null): string {
  return part === null ? "–" : `${Math.round(part * 100)} %`;
}

/** Whether somebody is meant by what was typed: a part of the name, or of the extension. */
export function matches({ display_name, extension }: Agent, typed: string): boolean {
  const wanted = typed.trim().toLowerCase();
  return display_name.toLowerCase().includes(wanted) || extension.includes(wanted);
}
