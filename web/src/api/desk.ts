import type { CallRecord } from "./client.ts";
import { isRecord } from "./problem.ts";
import { request } from "./request.ts";

/** What an agent has chosen to be. */
export type AgentStatus = "online" | "busy" | "away" | "offline";

/** What an agent does. */
export type AgentState =
  | "offline"
  | "ready"
  | "reserved"
  | "ringing"
  | "on_call"
  | "acw"
  | "not_ready";

/** An agent and how it stands. Times are RFC 3339, durations seconds. */
export interface Agent {
  id: string;
  username: string;
  extension: string;
  display_name: string;
  status: AgentStatus;
  reason: string | null;
  state: AgentState;
  sub_state: "talking" | "hold" | "consult" | "conference" | null;
  since: string | null;
  reachable: boolean;
  wrap_up_ends_at: string | null;
  queues: { queue: string; level: number; position: number }[];
  skills: Record<string, number>;
  call: AgentCall | null;
  /** All its calls, where the server tells of several. */
  calls?: AgentCall[];
  today: AgentToday;
}

export interface AgentCall {
  id: string;
  queue: string | null;
  /** Who called. */
  number: string | null;
  since: string;
}

export interface AgentToday {
  offered: number;
  answered: number;
  missed: number;
  refused: number;
  talk_s: number;
  hold_s: number;
  acw_s: number;
  ready_s: number;
  not_ready_s: number;
  ring_s: number;
}

/** A queue and how it stands. */
export interface Queue {
  id: string;
  display_name: string | null;
  strategy: string | null;
  service_level_s?: number;
  tiers: { agent: string; level: number; position: number }[];
  live: QueueLive;
}

export interface QueueLive {
  waiting: number;
  /** Null when nobody waits. */
  longest_wait_s: number | null;
  callers: QueueCaller[];
  agents: Record<"ready" | "on_call" | "acw" | "not_ready" | "offline" | "ringing", number>;
  today: QueueToday;
}

export interface QueueCaller {
  /** The call. */
  call: string;
  number: string | null;
  name?: string | null;
  /** From 1. */
  position: number;
  waiting_since: string;
  priority: number;
  /** The agents who are rung for this caller. */
  offered_to: string[];
  /** Whether it is called back, and has hung up. */
  is_callback?: boolean;
}

export interface QueueToday {
  offered: number;
  answered: number;
  abandoned: number;
  short_abandoned: number;
  overflowed: number;
  answered_within_sl: number;
  /** 0 to 1; null without a call. */
  service_level: number | null;
  average_wait_s: number | null;
}

export interface NotReadyReason {
  name: string;
  status: "busy" | "away";
}

export interface Voicemail {
  id: string;
  mailbox: string;
  number: string | null;
  name: string | null;
  received_at: string;
  duration_s: number;
  heard: boolean;
}

/** A call in progress. */
export interface ActiveCall {
  id: string;
  caller: string;
  dialled: string;
  answered_by: string | null;
  state: "ringing" | "answered";
  started_at: string;
  answered_at: string | null;
  recording: "running" | "paused" | null;
  supervisors: { extension: string; mode: string; ringing: boolean }[];
}

/** What came of a call, in the agent's words. */
export interface Outcome {
  notes: string;
  disposition: string | null;
}

export type SupervisorMode = "listen" | "whisper" | "barge";

/** Items asked for at a time; what is beyond is not shown. */
const ITEMS_MAX = 1000;
const HISTORY_ITEMS = 50;

async function items<T>(path: string): Promise<T[]> {
  const page = await request("GET", path);
  return isRecord(page) && Array.isArray(page.items) ? (page.items as T[]) : [];
}

const part = encodeURIComponent;

export const agents = () => items<Agent>(`/api/agents?limit=${ITEMS_MAX}`);
export const queues = () => items<Queue>(`/api/queues?limit=${ITEMS_MAX}`);
export const notReadyReasons = () => items<NotReadyReason>("/api/settings/not-ready-reasons");
export const voicemails = () => items<Voicemail>(`/api/voicemails?limit=${ITEMS_MAX}`);
export const activeCalls = () => items<ActiveCall>("/api/calls/active");

export async function dispositions(): Promise<string[]> {
  const all = await items<{ name: string }>("/api/settings/dispositions");
  return all.map(({ name }) => name);
}

/** The calls that ended last: one's own, or all of them. */
export function recentCalls(whose: "me" | "all"): Promise<CallRecord[]> {
  const own = whose === "me" ? "&agent=me" : "";
  return items<CallRecord>(`/api/calls/history?limit=${HISTORY_ITEMS}${own}`);
}

/** The address of the screen pop with its placeholders; null when there is none. */
export async function screenPop(): Promise<string | null> {
  const settings = await request("GET", "/api/settings/screen-pop");
  return isRecord(settings) && typeof settings.url === "string" ? settings.url : null;
}

export async function setStatus(
  agent: string,
  status: AgentStatus,
  reason: string | null,
): Promise<Agent> {
  const body = reason === null ? { status } : { status, reason };
  return (await request("PUT", `/api/agents/${part(agent)}/status`, body)) as Agent;
}

/** Ends the work after a call; a supervisor does so without an outcome. */
export async function finishWrapUp(agent: string, outcome: Outcome | null): Promise<void> {
  const body = outcome === null ? {} : written(outcome);
  await request("POST", `/api/agents/${part(agent)}/wrap-up/finish`, body);
}

export async function extendWrapUp(agent: string, seconds: number): Promise<void> {
  await request("POST", `/api/agents/${part(agent)}/wrap-up/extend`, { seconds });
}

export async function writeNotes(call: string, outcome: Outcome): Promise<void> {
  await request("PUT", `/api/calls/${part(call)}/notes`, outcome);
}

/** An outcome without what was left empty. */
function written({ notes, disposition }: Outcome): Partial<Outcome> {
  return { ...(notes ? { notes } : {}), ...(disposition ? { disposition } : {}) };
}

/** Joins two calls of an agent into one of three. */
export async function mergeCalls(call: string, other: string): Promise<void> {
  await request("POST", `/api/calls/${part(call)}/merge`, { with: other });
}

export async function moveCaller(queue: string, call: string, position: number): Promise<void> {
  const path = `/api/queues/${part(queue)}/callers/${part(call)}/move`;
  await request("POST", path, { position });
}

/** Calls somebody back no more who asked for it in this call. */
export async function cancelCallback(queue: string, call: string): Promise<void> {
  await request("DELETE", `/api/queues/${part(queue)}/callers/${part(call)}`);
}

/** Puts the supervisor who is signed in on a call: their telephone rings. */
export async function supervise(call: string, mode: SupervisorMode): Promise<void> {
  await request("POST", `/api/calls/active/${part(call)}/supervise`, { mode });
}

/** Lets the supervisor who is on a call do something else there. */
export async function changeSupervision(call: string, mode: SupervisorMode): Promise<void> {
  await request("PUT", `/api/calls/active/${part(call)}/supervise`, { mode });
}

export async function endSupervision(call: string): Promise<void> {
  await request("DELETE", `/api/calls/active/${part(call)}/supervise`);
}

/** Gives the agent's place in a call to the supervisor who is signed in. */
export async function takeOver(call: string): Promise<void> {
  await request("POST", `/api/calls/${part(call)}/take-over`, {});
}

export async function markVoicemail(id: string, heard: boolean): Promise<void> {
  await request("PATCH", `/api/voicemails/${part(id)}`, { heard });
}

export async function deleteVoicemail(id: string): Promise<void> {
  await request("DELETE", `/api/voicemails/${part(id)}`);
}

export const voicemailAudio = (id: string) => `/api/voicemails/${part(id)}/audio`;
export const callAudio = (id: string) => `/api/calls/${part(id)}/recording`;

/** What this server can do, by the paths that it describes; they are asked for no other way. */
export async function offeredPaths(): Promise<ReadonlySet<string>> {
  const description = await request("GET", "/api/openapi.json");
  const paths = isRecord(description) ? description.paths : null;
  return new Set(isRecord(paths) ? Object.keys(paths) : []);
}
