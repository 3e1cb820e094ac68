import { act, screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import type { CallRecord } from "../api/client.ts";
import { colleague, fakeAgent, fakeQueue, showDesk } from "./bench.tsx";
import { DeskTabs } from "./DeskTabs.tsx";
import { Directory } from "./Directory.tsx";
import { History } from "./History.tsx";
import { QueueTiles } from "./QueueTiles.tsx";
import { Voicemails } from "./Voicemails.tsx";

const items = (...all: unknown[]) => ({ items: all, next_cursor: null });

it("shows the queues, one's own first, and which of them need somebody", async () => {
  const none = { ready: 0, on_call: 1, acw: 0, not_ready: 0, offline: 0, ringing: 0 };
  await showDesk(<QueueTiles />, {
    answers: {
      "GET /api/agents": items(fakeAgent()),
      "GET /api/queues": items(
        fakeQueue("billing", { waiting: 2, longest_wait_s: 75, agents: none }),
        fakeQueue("sales"),
      ),
    },
  });
  await waitFor(() => expect(screen.getAllByTestId("queue")).toHaveLength(2));
  await waitFor(() => expect(screen.getAllByTestId("queue")[0]?.dataset.queue).toBe("sales"));
  const billing = screen.getAllByTestId("queue")[1] as HTMLElement;
  expect(billing.dataset.alarm).toBe("true");
  expect(billing.textContent).toContain("Longest wait1:15");
  expect(billing.textContent).toContain("75 %");
});

it("says that there are no queues, and why they are not known", async () => {
  const empty = await showDesk(<QueueTiles />, { answers: { "GET /api/queues": items() } });
  await screen.findByText(/There are no queues/);
  empty.client.clear();
  await showDesk(<QueueTiles />, { answers: { "GET /api/queues": 500 } });
  const notice = await screen.findByTestId("failure");
  expect(notice.textContent).toContain("could not answer this page");
});

it("finds a colleague and calls, or asks during a call", async () => {
  const { user, line, talk } = await showDesk(<Directory />, {
    answers: {
      "GET /api/agents": items(fakeAgent(), colleague("2002", "Grace", { state: "on_call" })),
    },
  });
  await screen.findByText("On a call");
  expect(screen.getByRole("button", { name: "Call Ada" })).toHaveProperty("disabled", true);
  await user.type(screen.getByLabelText("Find a colleague"), "2002");
  expect(screen.getAllByTestId("colleague")).toHaveLength(1);
  await user.click(screen.getByRole("button", { name: "Call Grace" }));
  expect(line().dialled).toEqual(["2002"]);
  await act(async () => line().calls[0]?.end());
  const customer = await talk("5550100");
  await user.click(screen.getByRole("button", { name: "Ask Grace" }));
  expect(customer.done).toEqual(["accept", "hold"]);
  expect(line().dialled).toEqual(["2002", "2002"]);
  await user.type(screen.getByLabelText("Find a colleague"), "x");
  expect(screen.getByText("No colleague is called that.")).toBeTruthy();
});

function record(part: Partial<CallRecord>): CallRecord {
  return {
    id: "h-1",
    caller: "5550100",
    caller_name: null,
    dialled: "2001",
    answered_by: "2001",
    started_at: new Date().toISOString(),
    ring_seconds: 1,
    talk_seconds: 75,
    hangup_cause: 16,
    hangup_cause_name: "NORMAL_CLEARING",
    hung_up_by: "caller",
    caller_codec: null,
    callee_codec: null,
    loss_percent: null,
    jitter_ms: null,
    mos: null,
    verdict: null,
    recordings: [],
    stars: null,
    ...part,
  };
}

it("tells how one's calls went, plays a recording and calls again", async () => {
  const { user, line } = await showDesk(<History />, {
    answers: {
      "GET /api/agents": items(fakeAgent(), colleague("2002", "Grace")),
      "GET /api/calls/history": items(
        record({ recordings: ["r-1"] }),
        record({ id: "h-2", answered_by: null, hangup_cause_name: "NO_ANSWER" }),
        record({ id: "h-3", caller: "2001", dialled: "2002" }),
      ),
    },
  });
  await screen.findByText("Grace");
  const rows = screen.getAllByTestId("ended-call").map(({ textContent }) => textContent);
  expect(rows[0]).toContain("talked 1:15");
  expect(rows[1]).toContain("missed");
  expect(rows[2]).toContain("To");
  await user.click(screen.getByRole("button", { name: "Recording" }));
  const player = screen.getByLabelText("Recording of the call with 5550100");
  expect(player.getAttribute("src")).toBe("/api/calls/h-1/recording");
  await user.click(screen.getByRole("button", { name: "Call 2002 again" }));
  expect(line().dialled).toEqual(["2002"]);
});

const MESSAGE = {
  id: "v-1",
  mailbox: "Sales",
  number: "5550100",
  name: "Emmy",
  received_at: new Date().toISOString(),
  duration_s: 34,
  heard: false,
};

it("plays a message, which is heard then, and deletes it when asked twice", async () => {
  const { user, asked } = await showDesk(<Voicemails />, {
    answers: { "GET /api/voicemails": items(MESSAGE) },
  });
  await user.click(await screen.findByRole("button", { name: "Play the message of Emmy" }));
  await waitFor(() => expect(asked).toHaveLength(1));
  expect(asked[0]).toEqual({
    method: "PATCH",
    path: "/api/voicemails/v-1",
    body: { heard: true },
  });
  await user.click(screen.getByRole("button", { name: "Delete the message of Emmy" }));
  expect(asked).toHaveLength(1);
  await user.click(screen.getByRole("button", { name: "Really delete the message of Emmy" }));
  await waitFor(() => expect(asked[1]?.method).toBe("DELETE"));
});

it("has the tabs that the server can fill, and the board for supervisors", async () => {
  const answers = {
    "GET /api/agents": items(fakeAgent()),
    "GET /api/queues": items(fakeQueue("sales", { waiting: 3 })),
    "GET /api/voicemails": items(MESSAGE),
    "GET /api/calls/active": items(),
  };
  await showDesk(<DeskTabs />, { answers, without: ["/api/voicemails"] });
  const names = () => screen.getAllByRole("tab").map(({ textContent }) => textContent);
  await waitFor(() => expect(names()).toEqual(["Queues3", "Directory", "History"]));
});

it("shows the board first to a supervisor", async () => {
  await showDesk(<DeskTabs />, {
    answers: { "GET /api/calls/active": items() },
    me: { role: "supervisor", username: "supervisor", extension: "1009" },
    without: ["/api/agents", "/api/queues", "/api/voicemails"],
  });
  const panel = await screen.findByRole("tabpanel");
  await within(panel).findByText("Nobody is on a call.");
  expect(screen.getAllByRole("tab").map(({ textContent }) => textContent)).toEqual([
    "Board",
    "History",
  ]);
});
