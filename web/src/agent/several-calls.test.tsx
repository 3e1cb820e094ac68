import { screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { Phone } from "../portal/Phone.tsx";
import { useSoftphone } from "../softphone/index.ts";
import { colleague, fakeAgent, showDesk } from "./bench.tsx";
import { CallDetails } from "./CallDetails.tsx";
import { DeskTransferDialog } from "./DeskTransferDialog.tsx";
import { OtherCalls } from "./OtherCalls.tsx";
import { useDeskKeys } from "./use-desk-keys.ts";

const PARTS = { Details: CallDetails, Transfer: DeskTransferDialog };
const nobody = () => null;

function Calls({ onHelp = () => {} }: { onHelp?: () => void }) {
  const { softphone } = useSoftphone();
  useDeskKeys(softphone, onHelp);
  return (
    <>
      <OtherCalls nameOf={nobody} />
      <Phone nameOf={nobody} parts={PARTS} />
    </>
  );
}

const AGENTS = {
  items: [
    fakeAgent(),
    colleague("2002", "Grace", { state: "offline" }),
    colleague("2003", "Katherine"),
  ],
};

const shown = (answers = {}) =>
  showDesk(<Calls />, { answers: { "GET /api/agents": AGENTS, ...answers } });

it("says for which queue it rings, and how long the caller has waited", async () => {
  const { ring } = await shown();
  await ring("5550100", {
    queue: { id: "sales", name: "Sales", waitedSeconds: 83, callback: null },
  });
  expect(screen.getByTestId("queue-offer").textContent).toBe("For Sales, waited 1:23");
});

it("leaves the focus with whoever is writing when a call comes in", async () => {
  const { user, ring } = await showDesk(
    <>
      <textarea aria-label="Notes" />
      <Calls />
    </>,
    { answers: { "GET /api/agents": AGENTS } },
  );
  const notes = screen.getByLabelText<HTMLTextAreaElement>("Notes");
  await user.type(notes, "Wants ");
  const call = await ring("5550100");
  await user.keyboard("a r s ");
  expect(notes.value).toBe("Wants a r s ");
  expect(call.done).toEqual([]);
});

it("shows a second caller as a banner, and accepts it beside the first", async () => {
  const { user, talk, ring } = await shown();
  const first = await talk("5550100");
  const second = await ring("5550200", {
    queue: { id: "s", name: "Sales", waitedSeconds: 9, callback: null },
  });
  const banner = screen.getByTestId("other-call");
  expect(within(banner).getByRole("alert").textContent).toContain("for Sales, waited 0:09");
  await user.click(within(banner).getByRole("button", { name: /^Accept 5550200/ }));
  expect(first.done).toEqual(["accept", "hold"]);
  expect(second.done).toEqual(["accept"]);
  expect(screen.getByTestId("caller").textContent).toBe("5550200");
  expect(screen.getByTestId("other-call").textContent).toContain("On hold");
  await user.click(screen.getByRole("button", { name: "Switch to 5550100" }));
  expect(screen.getByTestId("caller").textContent).toBe("5550100");
});

it("rejects a second caller and leaves the first alone", async () => {
  const { user, talk, ring } = await shown();
  const first = await talk("5550100");
  const second = await ring("5550200");
  await user.click(screen.getByRole("button", { name: "Reject 5550200" }));
  expect(second.done).toEqual(["hangUp"]);
  expect(first.done).toEqual(["accept"]);
  expect(screen.queryByTestId("other-call")).toBeNull();
});

it("answers, switches, rejects and ends by letters", async () => {
  const { user, ring, softphone } = await shown();
  const first = await ring("5550100");
  await user.keyboard("a");
  await waitFor(() => expect(first.done).toEqual(["accept"]));
  const second = await ring("5550200");
  await user.keyboard("a");
  await waitFor(() => expect(second.done).toEqual(["accept"]));
  await user.keyboard("s");
  await waitFor(() => expect(softphone.state.get().call?.number).toBe("5550100"));
  const third = await ring("5550300");
  await user.keyboard("r");
  expect(third.done).toEqual(["hangUp"]);
  await user.keyboard("e");
  expect(first.done.at(-1)).toBe("hangUp");
});

it("transfers to a colleague who is found by name; those who are ready come first", async () => {
  const { user, talk } = await shown();
  const call = await talk("5550100");
  await user.click(screen.getByRole("button", { name: "Transfer" }));
  const list = await screen.findByRole("list", { name: "Colleagues" });
  const names = within(list)
    .getAllByRole("button")
    .map(({ textContent }) => textContent);
  expect(names).toEqual(["Katherine 2003Ready", "Grace 2002Offline"]);
  await user.type(screen.getByLabelText("Find a colleague"), "gra");
  await user.click(within(list).getByRole("button", { name: /Grace/ }));
  expect(screen.getByLabelText<HTMLInputElement>("Number").value).toBe("2002");
  const dialog = screen.getByRole("dialog");
  await user.click(within(dialog).getByRole("button", { name: "Transfer" }));
  await waitFor(() => expect(call.done).toEqual(["accept", "transfer 2002", "hangUp"]));
});

it("parks", async () => {
  const { user, talk } = await shown();
  const call = await talk("5550100");
  await user.click(screen.getByRole("button", { name: "Transfer" }));
  await user.click(await screen.findByRole("button", { name: "Park" }));
  expect(call.done[1]).toBe("transfer 5900");
});

async function consulting(answers = {}) {
  const desk = await shown(answers);
  const customer = await desk.talk("5550100", { callRef: "c-1" });
  await desk.user.click(screen.getByRole("button", { name: "Transfer" }));
  await desk.user.type(await screen.findByLabelText("Number"), "2003");
  await desk.user.click(screen.getByRole("button", { name: "Ask first" }));
  await waitFor(() => expect(screen.getByTestId("consultation")).toBeTruthy());
  return { ...desk, customer };
}

it("asks a colleague first, and completes when there is an answer", async () => {
  const { user, customer, pickUp } = await consulting();
  const complete = screen.getByRole("button", { name: "Complete transfer" });
  expect(complete).toHaveProperty("disabled", true);
  const asked = await pickUp();
  await user.click(complete);
  await waitFor(() => expect(asked.done).toEqual(["hangUp"]));
  expect(customer.done).toEqual(["accept", "hold", "transfer to 2003", "hangUp"]);
  expect(screen.getByTestId("last-call").textContent).toContain("5550100 was transferred");
});

it("goes back to who waits", async () => {
  const { user, customer, pickUp } = await consulting();
  await pickUp();
  await user.click(screen.getByRole("button", { name: "Back to 5550100" }));
  await waitFor(() => expect(customer.done).toEqual(["accept", "hold", "resume"]));
  expect(screen.queryByTestId("consultation")).toBeNull();
});

it("joins all three by the server, which knows the call that was dialled as the agent's other one", async () => {
  const since = new Date().toISOString();
  const call = (id: string) => ({ id, queue: null, number: null, since });
  const { user, asked, pickUp } = await consulting({
    "GET /api/agents": { items: [fakeAgent({ calls: [call("c-1"), call("c-2")] })] },
    "POST /api/calls/c-2/merge": {},
  });
  await pickUp();
  const join = screen.getByRole("button", { name: "Talk all three" });
  await waitFor(() => expect(join).toHaveProperty("disabled", false));
  await user.click(join);
  await screen.findByText("Three in this call");
  expect(asked).toEqual([{ method: "POST", path: "/api/calls/c-2/merge", body: { with: "c-1" } }]);
});
