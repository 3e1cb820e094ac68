import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { act, render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { vi } from "vitest";
import type { Me } from "../api/client.ts";
import type { Agent, Queue } from "../api/desk.ts";
import { FakeCall, testBench } from "../softphone/fakes.ts";
import { type AudioDevices, Store, TelephoneProvider } from "../softphone/index.ts";
import { DeskProvider, supervises } from "./desk-context.ts";
import { createQueryClient } from "./desk-queries.ts";

/** For tests: a desk with a fake server around it. */

export interface Asked {
  method: string;
  path: string;
  body: unknown;
}

/** What the fake server answers to "GET /api/agents": a body, or a status that is an error. */
export type Answers = Record<string, unknown>;

/** Answers the page's requests, and keeps what was asked other than to read. */
export function fakeServer(answers: Answers) {
  const asked: Asked[] = [];
  const answer = async (input: string | URL | Request, init?: RequestInit) => {
    const path = String(input).split("?")[0] ?? "";
    const method = init?.method ?? "GET";
    if (method !== "GET")
      asked.push({ method, path, body: JSON.parse(String(init?.body ?? null)) });
    const found = answers[`${method} ${path}`] ?? (method === "GET" ? 404 : null);
    if (typeof found !== "number") return Response.json(found);
    return Response.json({ title: "No", detail: "The test says no." }, { status: found });
  };
  vi.stubGlobal("fetch", answer);
  return asked;
}

const SETTINGS: Answers = {
  "GET /api/settings/not-ready-reasons": {
    items: [
      { name: "Training", status: "busy" },
      { name: "Lunch", status: "away" },
    ],
  },
  "GET /api/settings/dispositions": { items: [{ name: "Sold" }, { name: "Call back" }] },
};

/** Shows a part of the desk of agent 2001, or of somebody else. */
export async function showDesk(
  part: ReactNode,
  {
    answers = {},
    me = {},
    without = [],
  }: { answers?: Answers; me?: Partial<Me>; without?: string[] } = {},
) {
  Object.defineProperty(HTMLMediaElement.prototype, "srcObject", { writable: true, value: null });
  const asked = fakeServer({ ...SETTINGS, ...answers });
  const bench = testBench({ register: true, callsMax: 3 });
  const audio = Object.assign(bench.audio, {
    readLevel: () => 0,
    state: new Store({ microphones: [], speakers: [], microphoneId: "default" }),
  }) as unknown as AudioDevices;
  const who: Me = { username: "2001", role: "agent", extension: "2001", ...me };
  const desk = {
    me: who,
    supervisor: supervises(who),
    live: "polling" as const,
    offers: (path: string) => !without.includes(path),
  };
  const client = createQueryClient(() => undefined);
  const { unmount } = render(
    <MantineProvider env="test">
      <QueryClientProvider client={client}>
        <TelephoneProvider value={{ softphone: bench.softphone, audio }}>
          <DeskProvider value={desk}>{part}</DeskProvider>
        </TelephoneProvider>
      </QueryClientProvider>
    </MantineProvider>,
  );
  await act(async () => bench.softphone.start());
  const user = userEvent.setup();
  return { unmount, asked, bench, softphone: bench.softphone, client, user, ...callsOf(bench) };
}

function callsOf(bench: ReturnType<typeof testBench>) {
  const line = () => {
    const found = bench.lines[0];
    if (!found) throw new Error("no line");
    return found;
  };
  /** Somebody calls. */
  const ring = async (number: string, part: Partial<FakeCall> = {}) => {
    const call = Object.assign(new FakeCall({ number, name: null }), part);
    await act(async () => line().handlers.onIncoming(call));
    return call;
  };
  /** Somebody calls and is answered. */
  const talk = async (number: string, part: Partial<FakeCall> = {}) => {
    const call = await ring(number, part);
    await act(() => bench.softphone.accept());
    return call;
  };
  /** Whoever was dialled last answers. */
  const pickUp = async () => {
    const call = line().calls.at(-1);
    if (!call) throw new Error("nothing was dialled");
    await act(async () => call.answer());
    return call;
  };
  return { line, ring, talk, pickUp };
}

export function fakeAgent(part: Partial<Agent> = {}): Agent {
  return {
    id: "2001",
    username: "2001",
    extension: "2001",
    display_name: "Ada",
    status: "online",
    reason: null,
    state: "ready",
    sub_state: null,
    since: new Date(Date.now() - 75_000).toISOString(),
    reachable: true,
    wrap_up_ends_at: null,
    queues: [{ queue: "sales", level: 1, position: 1 }],
    skills: {},
    call: null,
    today: {
      offered: 0,
      answered: 3,
      missed: 1,
      refused: 0,
      talk_s: 65,
      hold_s: 0,
      acw_s: 0,
      ready_s: 0,
      not_ready_s: 0,
      ring_s: 0,
    },
    ...part,
  };
}

export function colleague(number: string, display_name: string, part: Partial<Agent> = {}): Agent {
  return fakeAgent({ id: number, username: number, extension: number, display_name, ...part });
}

export function fakeQueue(id: string, part: Partial<Queue["live"]> = {}): Queue {
  return {
    id,
    display_name: id.toUpperCase(),
    strategy: "longest-idle",
    tiers: [],
    live: {
      waiting: 0,
      longest_wait_s: 0,
      callers: [],
      agents: { ready: 1, on_call: 0, acw: 0, not_ready: 0, offline: 0, ringing: 0 },
      today: {
        offered: 4,
        answered: 3,
        abandoned: 1,
        short_abandoned: 0,
        overflowed: 0,
        answered_within_sl: 3,
        service_level: 0.75,
        average_wait_s: 12,
      },
      ...part,
    },
  };
}
