import type { IncomingMessage, ServerResponse } from "node:http";

/** Development only: a call centre that stands still but for what is asked of it. */

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

const NAMES = ["Ada Lovelace", "Grace Hopper", "Katherine Johnson", "Annie Easley", "Mary Jackson"];
const STATES = ["ready", "on_call", "acw", "not_ready", "offline"] as const;

interface FakeAgent {
  id: string;
  status: string;
  reason: string | null;
  state: string;
  since: string;
  wrap_up_ends_at: string | null;
  [other: string]: unknown;
}

const agents: FakeAgent[] = NAMES.map((display_name, index) => ({
  id: String(2001 + index),
  username: String(2001 + index),
  extension: String(2001 + index),
  display_name,
  status:
    STATES[index] === "offline" ? "offline" : STATES[index] === "not_ready" ? "away" : "online",
  reason: STATES[index] === "not_ready" ? "Lunch" : null,
  state: STATES[index] ?? "ready",
  sub_state: STATES[index] === "on_call" ? "talking" : null,
  since: ago(40 + 90 * index),
  reachable: true,
  wrap_up_ends_at: STATES[index] === "acw" ? ago(-45) : null,
  queues: [{ queue: "sales", level: 1, position: index + 1 }],
  skills: {},
  call:
    STATES[index] === "on_call"
      ? { id: "c-1", queue: "sales", number: "+4930123456", since: ago(130) }
      : null,
  today: {
    offered: 14,
    answered: 12 - index,
    missed: index,
    refused: 0,
    talk_s: 2590,
    hold_s: 60,
    acw_s: 400,
    ready_s: 3000,
    not_ready_s: 600,
    ring_s: 120,
  },
}));

const counts = { ready: 1, on_call: 1, acw: 1, not_ready: 1, offline: 1, ringing: 0 };

const queues = [
  queue("sales", "Sales", [
    caller("c-2", "+4930555123", "Lise Meitner", 1, 95),
    caller("c-3", "+493055599", null, 2, 30),
  ]),
  queue("support", "Technical support", []),
  { ...queue("billing", "Billing", [caller("c-4", null, null, 1, 310)]) },
];
if (queues[2]) queues[2].live.agents = { ...counts, ready: 0 };

function queue(id: string, display_name: string, callers: ReturnType<typeof caller>[]) {
  const today = {
    offered: 48,
    answered: 41,
    abandoned: 5,
    short_abandoned: 2,
    overflowed: 0,
    answered_within_sl: 36,
    service_level: id === "support" ? null : 0.83,
    average_wait_s: id === "support" ? null : 14,
  };
  const longest_wait_s = Math.max(0, ...callers.map(({ waited }) => waited));
  const live = { waiting: callers.length, longest_wait_s, callers, agents: counts, today };
  return { id, display_name, strategy: "longest-idle", tiers: [], live };
}

function caller(
  call: string,
  number: string | null,
  name: string | null,
  position: number,
  waited: number,
) {
  const offered_to = position === 1 ? ["2001"] : [];
  return {
    call,
    number,
    name,
    position,
    waiting_since: ago(waited),
    waited,
    priority: 0,
    offered_to,
  };
}

const voicemails = [
  {
    id: "v-1",
    mailbox: "Sales",
    number: "+4930123456",
    name: "Emmy Noether",
    received_at: ago(4000),
    duration_s: 34,
    heard: false,
  },
  {
    id: "v-2",
    mailbox: "Sales",
    number: null,
    name: null,
    received_at: ago(90_000),
    duration_s: 12,
    heard: true,
  },
];

const activeCalls = [
  {
    id: "c-1",
    caller: "+4930123456",
    dialled: "5001",
    answered_by: "2002",
    state: "answered",
    started_at: ago(160),
    answered_at: ago(130),
    recording: "running",
    supervisors: [],
  },
  {
    id: "c-2",
    caller: "+4930555123",
    dialled: "5001",
    answered_by: null,
    state: "ringing",
    started_at: ago(95),
    answered_at: null,
    recording: null,
    supervisors: [],
  },
];

const history = [
  ended("h-1", "+4930123456", "Emmy Noether", "2001", "2001", 372, ["r-1"]),
  ended("h-2", "2001", null, "2003", "2003", 45, []),
  ended("h-3", "+49301119", null, "2001", null, 0, []),
];

function ended(
  id: string,
  caller: string,
  caller_name: string | null,
  dialled: string,
  answered_by: string | null,
  talk_seconds: number,
  recordings: string[],
) {
  const cause = answered_by ? [16, "NORMAL_CLEARING"] : [19, "NO_ANSWER"];
  return {
    id,
    caller,
    caller_name,
    dialled,
    answered_by,
    started_at: ago(3600),
    ring_seconds: 5,
    talk_seconds,
    hangup_cause: cause[0],
    hangup_cause_name: cause[1],
    hung_up_by: "caller",
    caller_codec: "opus",
    callee_codec: "opus",
    loss_percent: 0,
    jitter_ms: 2,
    mos: 4.4,
    verdict: null,
    recordings,
  };
}

const LISTS: Record<string, unknown[]> = {
  "/api/agents": agents,
  "/api/queues": queues,
  "/api/voicemails": voicemails,
  "/api/calls/active": activeCalls,
  "/api/calls/history": history,
  "/api/settings/not-ready-reasons": [
    { name: "Paperwork", status: "busy" },
    { name: "Training", status: "busy" },
    { name: "Break", status: "away" },
    { name: "Lunch", status: "away" },
  ],
  "/api/settings/dispositions": [{ name: "Sold" }, { name: "Call back" }, { name: "Complaint" }],
};

const PATHS = [
  ...Object.keys(LISTS),
  "/api/settings/screen-pop",
  "/api/calls/{id}/notes",
  "/api/calls/{id}/merge",
  "/api/calls/{id}/take-over",
];

type Deed = (id: string, body: Record<string, unknown>) => unknown;

const DEEDS: [RegExp, Deed][] = [
  [
    /^PUT \/api\/agents\/([^/]+)\/status$/,
    (id, { status, reason }) => {
      const state = { online: "ready", offline: "offline" }[String(status)] ?? "not_ready";
      return change(id, { status: String(status), reason: String(reason ?? "") || null, state });
    },
  ],
  [
    /^POST \/api\/agents\/([^/]+)\/wrap-up\/finish$/,
    (id) => change(id, { state: "ready", wrap_up_ends_at: null }),
  ],
  [
    /^POST \/api\/agents\/([^/]+)\/wrap-up\/extend$/,
    (id, { seconds }) => change(id, { wrap_up_ends_at: ago(-45 - Number(seconds)) }),
  ],
  [/^(?:PUT|POST|PATCH|DELETE) (.+)$/, () => null],
];

function change(id: string, part: Partial<FakeAgent>): unknown {
  const agent = agents.find((one) => one.id === id);
  return agent && Object.assign(agent, part, { since: ago(0) });
}

/** Answers what belongs to the desk; tells whether it did. */
export async function answerDesk(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const path = request.url?.split("?")[0] ?? "";
  const items = LISTS[path];
  if (request.method === "GET" && items) return give(response, { items, next_cursor: null });
  if (path === "/api/settings/screen-pop") {
    return give(response, { url: "https://crm.example/?number={number}&call={call}" });
  }
  if (path === "/api/openapi.json") {
    return give(response, { paths: Object.fromEntries(PATHS.map((one) => [one, {}])) });
  }
  if (!/^\/api\/(agents|queues|voicemails|calls)\//.test(path)) return false;
  for (const [pattern, act] of DEEDS) {
    const found = pattern.exec(`${request.method} ${path}`);
    if (found) return give(response, act(found[1] ?? "", await bodyOf(request)));
  }
  return false;
}

function give(response: ServerResponse, body: unknown): true {
  response.statusCode = body === null ? 204 : 200;
  response.setHeader("content-type", "application/json");
  response.end(body === null ? "" : JSON.stringify(body));
  return true;
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const part of request) text += part;
  return text ? (JSON.parse(text) as Record<string, unknown>) : {};
}
