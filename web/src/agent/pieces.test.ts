import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Agent } from "../api/desk.ts";
import { newCall } from "../softphone/call.ts";
import { stateWords } from "./agent-words.ts";
import { EventApplier, GATHER_MS } from "./apply-event.ts";
import { colleague, fakeAgent } from "./bench.tsx";
import { notificationBody } from "./call-notifications.ts";
import { callRefOf } from "./call-refs.ts";
import { KEYS } from "./desk-queries.ts";
import { Outcomes } from "./outcomes.ts";
import { screenPopUrl } from "./screen-pop.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("says what an agent does", () => {
  expect(stateWords(fakeAgent())).toBe("Ready");
  expect(stateWords(fakeAgent({ state: "on_call", sub_state: "hold" }))).toBe("On a call, holding");
  expect(stateWords(fakeAgent({ state: "not_ready", status: "away" }))).toBe("Away");
  expect(stateWords(fakeAgent({ state: "offline", reachable: false }))).toBe("No telephone");
  expect(stateWords(fakeAgent({ state: "offline", status: "offline" }))).toBe("Offline");
});

it("fills in the address of the screen pop, and opens nothing but the web", () => {
  const values = { number: "+49 30", call: "c-1", queue: "" };
  const template = "https://crm.example/?n={number}&c={call}&q={queue}";
  expect(screenPopUrl(template, values)).toBe("https://crm.example/?n=%2B49%2030&c=c-1&q=");
  expect(screenPopUrl("javascript:alert({number})", values)).toBeNull();
  expect(screenPopUrl("not an address", values)).toBeNull();
});

it("knows the call that was dialled as the one that no other is", () => {
  const call = (id: number, callRef: string | null) =>
    newCall({ id, direction: "outgoing", number: "2002", phase: "active", callRef });
  const [first, second] = [call(1, "c-1"), call(2, null)];
  const served = (...ids: string[]) =>
    fakeAgent({ calls: ids.map((id) => ({ id, queue: null, number: null, since: "" })) });
  expect(callRefOf(first, [first, second], null)).toBe("c-1");
  expect(callRefOf(second, [first, second], served("c-1", "c-2"))).toBe("c-2");
  expect(callRefOf(second, [first, second], served("c-1", "c-2", "c-3"))).toBeNull();
  expect(callRefOf(second, [first, second], null)).toBeNull();
});

it("keeps the notes of the latest calls", () => {
  const outcomes = new Outcomes();
  outcomes.write("c-0", { notes: "first" });
  outcomes.write("c-0", { disposition: "Sold" });
  expect(outcomes.of("c-0")).toEqual({ notes: "first", disposition: "Sold" });
  for (let call = 1; call <= 20; call += 1) outcomes.write(`c-${call}`, { notes: "later" });
  expect(outcomes.of("c-0").notes).toBe("");
  expect(outcomes.of("c-20").notes).toBe("later");
});

it("says on the desktop which queue calls, and for how long it has waited", () => {
  const ringing = { id: 1, direction: "incoming", number: "5550100", phase: "incoming" } as const;
  expect(notificationBody(newCall(ringing))).toBe("5550100");
  const queue = { id: "s", name: "Sales", waitedSeconds: 75, callback: null };
  expect(notificationBody(newCall({ ...ringing, queue }))).toBe("5550100 for Sales, waited 1:15");
});

it("brings an agent's state in as it is told", () => {
  const client = new QueryClient();
  client.setQueryData(KEYS.agents, [fakeAgent(), colleague("2002", "Grace")]);
  const told = { id: "2002", state: "acw" };
  new EventApplier(client).take({ type: "agent.state_changed", subject: null, data: told });
  const [, grace] = client.getQueryData<Agent[]>(KEYS.agents) ?? [];
  expect(grace).toMatchObject({ display_name: "Grace", state: "acw" });
});

it("asks again when an answer on its way may be older than what is told", async () => {
  const client = new QueryClient();
  client.setQueryData(KEYS.agents, [colleague("2002", "Grace")]);
  const answers: ((agents: Agent[]) => void)[] = [];
  const queryFn = () => new Promise<Agent[]>((resolve) => answers.push(resolve));
  const observer = new QueryObserver(client, { queryKey: KEYS.agents, queryFn });
  const end = observer.subscribe(() => undefined);
  const told = { id: "2002", state: "acw" };
  new EventApplier(client).take({ type: "agent.state_changed", subject: null, data: told });
  answers[0]?.([colleague("2002", "Grace")]);
  await vi.advanceTimersByTimeAsync(GATHER_MS);
  expect(answers).toHaveLength(2);
  end();
});

it("asks again when the very first answer on its way may be older than the events", async () => {
  const client = new QueryClient();
  const answers: ((agents: Agent[]) => void)[] = [];
  const queryFn = () => new Promise<Agent[]>((resolve) => answers.push(resolve));
  const observer = new QueryObserver(client, { queryKey: KEYS.agents, queryFn });
  const end = observer.subscribe(() => undefined);
  new EventApplier(client).askForAll();
  await vi.advanceTimersByTimeAsync(0);
  expect(answers).toHaveLength(2);
  answers[0]?.([colleague("2002", "Grace", { state: "offline" })]);
  answers[1]?.([colleague("2002", "Grace", { state: "ready" })]);
  await vi.advanceTimersByTimeAsync(0);
  expect(client.getQueryData<Agent[]>(KEYS.agents)?.[0]?.state).toBe("ready");
  end();
});

it("asks once for what many events have changed", async () => {
  const client = new QueryClient();
  const asked = vi.spyOn(client, "invalidateQueries").mockResolvedValue();
  const applier = new EventApplier(client);
  for (const type of ["call.ringing", "call.answered", "call.answered", "queue.joined"]) {
    applier.take({ type, subject: null, data: {} });
  }
  await vi.advanceTimersByTimeAsync(GATHER_MS);
  expect(asked.mock.calls.map(([filter]) => filter?.queryKey)).toEqual([
    KEYS.activeCalls,
    KEYS.queues,
  ]);
});
