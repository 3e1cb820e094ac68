import { screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import type { ActiveCall } from "../api/desk.ts";
import { Board } from "./Board.tsx";
import { colleague, fakeQueue, showDesk } from "./bench.tsx";
import { modeWords } from "./SuperviseMenu.tsx";

const items = (...all: unknown[]) => ({ items: all, next_cursor: null });
const SUPERVISOR = { role: "supervisor" as const, username: "supervisor", extension: "1009" };

function activeCall(part: Partial<ActiveCall> = {}): ActiveCall {
  return {
    id: "c-1",
    caller: "5550100",
    dialled: "5001",
    answered_by: "2002",
    state: "answered",
    started_at: new Date().toISOString(),
    answered_at: new Date().toISOString(),
    recording: null,
    supervisors: [],
    ...part,
  };
}

const waits = (call: string, name: string, position: number) => ({
  call,
  number: "5550100",
  name,
  position,
  waiting_since: new Date().toISOString(),
  priority: 0,
  offered_to: [],
});

function board(part: { calls?: ActiveCall[]; without?: string[]; second?: object } = {}) {
  const { calls = [activeCall()], without = [], second = {} } = part;
  const callers = [waits("c-8", "Lise", 1), { ...waits("c-9", "Emmy", 2), ...second }];
  return showDesk(<Board />, {
    me: SUPERVISOR,
    without,
    answers: {
      "GET /api/agents": items(colleague("2002", "Grace", { state: "acw" })),
      "GET /api/queues": items(fakeQueue("sales", { waiting: 2, callers })),
      "GET /api/calls/active": items(...calls),
    },
  });
}

it("moves a caller in a queue", async () => {
  const { user, asked } = await board();
  expect(await screen.findAllByTestId("caller-waiting")).toHaveLength(2);
  expect(screen.getByRole("button", { name: "Move Lise forward" })).toHaveProperty(
    "disabled",
    true,
  );
  expect(screen.getByRole("button", { name: "Move Emmy back" })).toHaveProperty("disabled", true);
  await user.click(screen.getByRole("button", { name: "Move Emmy forward" }));
  await waitFor(() => expect(asked).toHaveLength(1));
  expect(asked[0]).toEqual({
    method: "POST",
    path: "/api/queues/sales/callers/c-9/move",
    body: { position: 1 },
  });
});

it("cancels a callback, which has no place to be moved to", async () => {
  const second = { is_callback: true, number: "1005", name: null };
  const { user, asked } = await board({ second });
  await user.click(await screen.findByRole("button", { name: "Cancel the callback to 1005" }));
  await waitFor(() => expect(asked).toHaveLength(1));
  expect(asked[0]).toMatchObject({ method: "DELETE", path: "/api/queues/sales/callers/c-9" });
  expect(screen.queryByRole("button", { name: "Move 1005 forward" })).toBeNull();
});

it("completes a wrap-up that is stuck, and changes an agent's state", async () => {
  const { user, asked } = await board();
  await user.click(await screen.findByRole("button", { name: "Finish wrap-up of Grace" }));
  await waitFor(() => expect(asked).toHaveLength(1));
  expect(asked[0]).toMatchObject({ path: "/api/agents/2002/wrap-up/finish", body: {} });
  await user.click(screen.getByRole("button", { name: "State of Grace; change" }));
  await user.click(await screen.findByRole("menuitem", { name: "Lunch" }));
  await waitFor(() => expect(asked).toHaveLength(2));
  expect(asked[1]).toMatchObject({
    path: "/api/agents/2002/status",
    body: { status: "away", reason: "Lunch" },
  });
});

it("listens, and takes over", async () => {
  const { user, asked } = await board();
  const supervise = await screen.findByRole("button", { name: /^Supervise the call of/ });
  await user.click(supervise);
  await user.click(await screen.findByRole("menuitem", { name: /Listen/ }));
  await waitFor(() => expect(asked).toHaveLength(1));
  expect(asked[0]).toEqual({
    method: "POST",
    path: "/api/calls/active/c-1/supervise",
    body: { mode: "listen" },
  });
  await user.click(supervise);
  await user.click(await screen.findByRole("menuitem", { name: /Take over/ }));
  await waitFor(() => expect(asked[1]?.path).toBe("/api/calls/c-1/take-over"));
});

it("changes what it does on a call, and leaves it", async () => {
  const own = { extension: "1009", mode: "listen", ringing: false };
  const { user, asked } = await board({ calls: [activeCall({ supervisors: [own] })] });
  await screen.findByText(/1009 listening/);
  await user.click(
    screen.getByRole("button", { name: "Listening: supervise the call of 5550100" }),
  );
  await user.click(await screen.findByRole("menuitem", { name: /Whisper/ }));
  await waitFor(() => expect(asked[0]?.method).toBe("PUT"));
  await user.click(
    screen.getByRole("button", { name: "Listening: supervise the call of 5550100" }),
  );
  await user.click(await screen.findByRole("menuitem", { name: "Leave the call" }));
  await waitFor(() => expect(asked[1]?.method).toBe("DELETE"));
});

it("offers nothing on a call that rings, nor what the server has not", async () => {
  const calls = [activeCall(), activeCall({ id: "c-2", state: "ringing", answered_by: null })];
  const { user } = await board({ calls, without: ["/api/calls/{id}/take-over"] });
  const rows = await screen.findAllByTestId("board-call");
  expect(within(rows[1] as HTMLElement).queryByRole("button")).toBeNull();
  await user.click(within(rows[0] as HTMLElement).getByRole("button"));
  await screen.findByRole("menuitem", { name: /Listen/ });
  expect(screen.queryByRole("menuitem", { name: /Take over/ })).toBeNull();
});

it("says in words what a supervisor does", () => {
  expect(modeWords("whisper_to_customer")).toBe("Whispering to customer");
  expect(modeWords("barge")).toBe("Barged in");
});
