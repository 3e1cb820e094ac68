import { act, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { showDesk } from "./bench.tsx";
import { setDeskSettings } from "./desk-settings.ts";
import { HoldReminders } from "./HoldReminders.tsx";

const AFTER_SECONDS = 120;
const nobody = () => null;

afterEach(() => setDeskSettings({ holdReminderSeconds: AFTER_SECONDS }));

/** A caller who has been on hold for so long. */
async function held(seconds: number) {
  const desk = await showDesk(<HoldReminders nameOf={nobody} />);
  const call = await desk.talk("5550100");
  desk.bench.nowMs = Date.now() - seconds * 1_000;
  await act(() => desk.softphone.toggleHold());
  return { ...desk, call };
}

it("brings a caller to mind who has been on hold for long, and takes it back", async () => {
  const { user, call } = await held(AFTER_SECONDS + 5);
  expect(screen.getByRole("alert").textContent).toContain("5550100 is still on hold");
  expect(screen.getByTestId("hold-reminder").textContent).toContain("2:05");
  await user.click(screen.getByRole("button", { name: "Take 5550100 back" }));
  await waitFor(() => expect(screen.queryByTestId("hold-reminder")).toBeNull());
  expect(call.done.at(-1)).toBe("resume");
});

it("says nothing of a hold that is short", async () => {
  await held(AFTER_SECONDS - 5);
  expect(screen.queryByTestId("hold-reminder")).toBeNull();
});

it("says nothing to who wants no reminder", async () => {
  setDeskSettings({ holdReminderSeconds: 0 });
  await held(AFTER_SECONDS + 5);
  expect(screen.queryByTestId("hold-reminder")).toBeNull();
});
