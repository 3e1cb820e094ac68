import { screen, waitFor } from "@testing-library/react";
import { expect, it } from "vitest";
import { fakeAgent, showDesk } from "./bench.tsx";
import { WrapUpCard } from "./WrapUpCard.tsx";

const inWrapUp = (seconds: number | null) =>
  fakeAgent({
    state: "acw",
    wrap_up_ends_at: seconds === null ? null : new Date(Date.now() + seconds * 1000).toISOString(),
  });

const DONE = {
  "POST /api/agents/2001/wrap-up/finish": {},
  "POST /api/agents/2001/wrap-up/extend": {},
  "PUT /api/calls/c-1/notes": {},
};

it("counts down, and asks for more time", async () => {
  const { user, asked } = await showDesk(<WrapUpCard agent={inWrapUp(30)} call="c-1" />, {
    answers: DONE,
  });
  expect(screen.getByRole("timer").textContent).toBe("0:30 left");
  await user.click(screen.getByRole("button", { name: "30 s more" }));
  await waitFor(() => expect(asked).toHaveLength(1));
  expect(asked[0]).toMatchObject({
    path: "/api/agents/2001/wrap-up/extend",
    body: { seconds: 30 },
  });
});

it("has no time left to extend where there is no limit", async () => {
  await showDesk(<WrapUpCard agent={inWrapUp(null)} call="c-1" />, { answers: DONE });
  expect(screen.getByRole("timer").textContent).toBe("1:15");
  expect(screen.queryByRole("button", { name: "30 s more" })).toBeNull();
});

it("writes notes and disposition as they are made, and finishes with them", async () => {
  const { user, asked } = await showDesk(<WrapUpCard agent={inWrapUp(30)} call="c-1" />, {
    answers: DONE,
  });
  await user.type(screen.getByLabelText("Notes"), "Wants two");
  await user.selectOptions(await screen.findByLabelText("Disposition"), "Sold");
  await screen.findByText("Saved");
  const outcome = { notes: "Wants two", disposition: "Sold" };
  expect(asked).toEqual([{ method: "PUT", path: "/api/calls/c-1/notes", body: outcome }]);
  await user.click(screen.getByRole("button", { name: "Finish" }));
  await waitFor(() => expect(asked).toHaveLength(2));
  expect(asked[1]).toMatchObject({ path: "/api/agents/2001/wrap-up/finish", body: outcome });
});

it("takes notes of a call that the page does not know, with the end of the wrap-up", async () => {
  const { user, asked } = await showDesk(<WrapUpCard agent={inWrapUp(30)} call={null} />, {
    answers: DONE,
  });
  await user.type(screen.getByLabelText("Notes"), "Later");
  await user.click(screen.getByRole("button", { name: "Finish" }));
  await waitFor(() => expect(asked).toHaveLength(1));
  expect(asked[0]?.body).toEqual({ notes: "Later" });
});

it("says what is not saved, and why it was not finished", async () => {
  const { user } = await showDesk(<WrapUpCard agent={inWrapUp(30)} call="c-9" />, {
    answers: { "PUT /api/calls/c-9/notes": 503, "POST /api/agents/2001/wrap-up/finish": 403 },
  });
  await user.type(screen.getByLabelText("Notes"), "x");
  await screen.findByText(/not saved yet/);
  await user.click(screen.getByRole("button", { name: "Finish" }));
  await screen.findByText(/Your account may not do this/);
  expect(screen.getByLabelText<HTMLTextAreaElement>("Notes").value).toBe("x");
});
