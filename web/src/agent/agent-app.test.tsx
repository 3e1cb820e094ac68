import { MantineProvider } from "@mantine/core";
import { act, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { FakeCall, testBench } from "../softphone/fakes.ts";
import { type AudioDevices, Store, TelephoneProvider } from "../softphone/index.ts";
import { AgentApp } from "./AgentApp.tsx";
import { type Answers, fakeAgent, fakeQueue, fakeServer } from "./bench.tsx";

afterEach(() => {
  localStorage.clear();
  vi.unstubAllGlobals();
});

const items = (...all: unknown[]) => ({ items: all, next_cursor: null });
const paths = (...all: string[]) => ({ paths: Object.fromEntries(all.map((path) => [path, {}])) });

const PLAIN: Answers = {
  "GET /api/auth/me": { username: "2001", role: "agent", extension: "2001" },
  "GET /api/openapi.json": paths("/api/calls/history"),
};
const CENTRE: Answers = {
  ...PLAIN,
  "GET /api/openapi.json": paths("/api/agents", "/api/queues", "/api/calls/{id}/notes"),
  "GET /api/agents": items(fakeAgent()),
  "GET /api/queues": items(fakeQueue("sales")),
};

async function opened(answers: Answers) {
  Object.defineProperty(HTMLMediaElement.prototype, "srcObject", { writable: true, value: null });
  localStorage.setItem("offhook.signed-in", "yes");
  const asked = fakeServer(answers);
  const bench = testBench({ register: true, callsMax: 3 });
  const audio = Object.assign(bench.audio, {
    readLevel: () => 0,
    state: new Store({ microphones: [], speakers: [], microphoneId: "default" }),
  }) as unknown as AudioDevices;
  await act(async () => {
    render(
      <MantineProvider env="test">
        <TelephoneProvider value={{ softphone: bench.softphone, audio }}>
          <AgentApp />
        </TelephoneProvider>
      </MantineProvider>,
    );
  });
  return { asked, bench, user: userEvent.setup() };
}

it("is a telephone without a status where the server has no agents", async () => {
  await opened(PLAIN);
  await screen.findByLabelText("Number to call");
  expect(screen.queryByTestId("status")).toBeNull();
  expect(screen.queryByRole("tab")).toBeNull();
});

it("is a telephone without a status for who is no agent", async () => {
  await opened({
    ...CENTRE,
    "GET /api/auth/me": { username: "supervisor", role: "supervisor", extension: "1009" },
    "GET /api/calls/active": items(),
  });
  await screen.findByRole("tab", { name: "Board" });
  await screen.findByText("Ada");
  expect(screen.queryByTestId("status")).toBeNull();
});

it("takes notes of the call while it goes on", async () => {
  const { bench } = await opened(CENTRE);
  await screen.findByTestId("status");
  const call = Object.assign(new FakeCall({ number: "5550100" }), { callRef: "c-1" });
  await act(async () => bench.lines[0]?.handlers.onIncoming(call));
  expect(screen.queryByTestId("notes")).toBeNull();
  await act(() => bench.softphone.accept());
  expect(screen.getByTestId("notes")).toBeTruthy();
});

it("signs out the agent with the person", async () => {
  const { asked, user } = await opened(CENTRE);
  await screen.findByTestId("status");
  await user.click(screen.getAllByRole("button", { name: "Sign out" })[0] as HTMLElement);
  await screen.findByText("Agent sign-in");
  expect(asked.map(({ path, body }) => [path, body])).toEqual([
    ["/api/agents/2001/status", { status: "offline" }],
    ["/api/auth/logout", {}],
  ]);
});

it("asks to sign in again when the session has run out", async () => {
  await opened({ ...CENTRE, "GET /api/agents": 401 });
  await screen.findByText("You have been signed out");
});

it("says that the server does not tell who is here, and asks again", async () => {
  await opened({ ...PLAIN, "GET /api/auth/me": 500 });
  const notice = await screen.findByTestId("failure");
  expect(notice.textContent).toContain("could not answer this page");
});

it("opens the help by a key", async () => {
  const { user } = await opened(CENTRE);
  await screen.findByTestId("status");
  await user.keyboard("?");
  await waitFor(() => expect(screen.getByText("Answers the call that rings")).toBeTruthy());
});
