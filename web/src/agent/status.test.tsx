import { screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { fakeAgent, showDesk } from "./bench.tsx";
import { MissedCalls } from "./MissedCalls.tsx";
import { StatusControl } from "./StatusControl.tsx";

it("shows what the agent does and since when", async () => {
  await showDesk(<StatusControl agent={fakeAgent({ state: "not_ready", reason: "Lunch" })} />);
  const button = screen.getByRole("button", { name: "Status: Lunch 1:15" });
  expect(within(button).getByRole("timer").textContent).toBe("1:15");
});

it("tells what comes after the call", async () => {
  const agent = fakeAgent({ state: "on_call", status: "away", reason: "Lunch" });
  await showDesk(<StatusControl agent={agent} />);
  expect(screen.getByRole("button", { name: /On a call then Away: Lunch/ })).toBeTruthy();
});

it("chooses a reason by the keyboard alone", async () => {
  const agent = fakeAgent();
  const { user, asked } = await showDesk(<StatusControl agent={agent} />, {
    answers: { "PUT /api/agents/2001/status": agent },
  });
  await user.tab();
  await user.keyboard("{Enter}");
  const lunch = await screen.findByRole("menuitem", { name: "Lunch" });
  lunch.focus();
  await user.keyboard("{Enter}");
  await waitFor(() => expect(asked).toHaveLength(1));
  expect(asked[0]).toEqual({
    method: "PUT",
    path: "/api/agents/2001/status",
    body: { status: "away", reason: "Lunch" },
  });
});

it("offers busy and away themselves where there are no reasons", async () => {
  const { user } = await showDesk(<StatusControl agent={fakeAgent()} />, {
    answers: { "GET /api/settings/not-ready-reasons": { items: [] } },
  });
  await user.click(screen.getByTestId("status"));
  await waitFor(() => expect(screen.getAllByRole("menuitem")).toHaveLength(4));
});

it("says when the status was not changed", async () => {
  const { user } = await showDesk(<StatusControl agent={fakeAgent()} />, {
    answers: { "PUT /api/agents/2001/status": 403 },
  });
  await user.click(screen.getByTestId("status"));
  await user.click(await screen.findByRole("menuitem", { name: "Offline" }));
  const alert = await screen.findByRole("alert");
  expect(alert.textContent).toContain("not changed");
});

it("tells who missed too many calls, and is back by one press", async () => {
  const agent = fakeAgent({ state: "not_ready", status: "away", reason: "missed calls" });
  const { user, asked } = await showDesk(<MissedCalls agent={agent} />, {
    answers: { "PUT /api/agents/2001/status": fakeAgent() },
  });
  expect(screen.getByRole("alert").textContent).toContain("not answered");
  await user.click(screen.getByRole("button", { name: "I am back" }));
  await waitFor(() => expect(asked).toHaveLength(1));
  expect(asked[0]?.body).toEqual({ status: "online" });
});

it("says nothing to who is away by its own choice", async () => {
  const agent = fakeAgent({ state: "not_ready", status: "away", reason: "Lunch" });
  await showDesk(<MissedCalls agent={agent} />);
  expect(screen.queryByTestId("missed-calls")).toBeNull();
});
