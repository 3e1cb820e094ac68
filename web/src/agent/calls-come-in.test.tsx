import { act, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { letterKeys, setLetterKeys } from "../portal/letter-keys.ts";
import { newCall } from "../softphone/call.ts";
import { ring } from "../softphone/index.ts";
import { showDesk } from "./bench.tsx";
import { permission, useCallNotifications } from "./call-notifications.ts";
import { DeskSettingsDialog } from "./DeskSettingsDialog.tsx";
import { setDeskSettings } from "./desk-settings.ts";
import { KeysDialog } from "./KeysDialog.tsx";
import { ScreenPop } from "./ScreenPop.tsx";

class FakeNotification {
  static shown: FakeNotification[] = [];
  static asked = 0;
  static async requestPermission(): Promise<NotificationPermission> {
    FakeNotification.asked += 1;
    return "granted";
  }
  closed = false;
  onclick: (() => void) | null = null;
  constructor(
    readonly title: string,
    readonly options: { body: string },
  ) {
    FakeNotification.shown.push(this);
  }
  close(): void {
    this.closed = true;
  }
}

beforeEach(() => {
  FakeNotification.shown = [];
  FakeNotification.asked = 0;
  vi.stubGlobal("Notification", FakeNotification);
  permission.set("default");
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  act(() => {
    setDeskSettings({ notifications: true, opensScreenPop: false });
    setLetterKeys(true);
  });
});

function Notifier() {
  useCallNotifications((number) => (number === "2002" ? "Grace" : null));
  return null;
}

it("tells of a call on the desktop until it is answered", async () => {
  permission.set("granted");
  const desk = await showDesk(<Notifier />);
  await desk.ring("2002", { queue: { id: "s", name: "Sales", waitedSeconds: 75, callback: null } });
  const [shown] = FakeNotification.shown;
  expect(shown?.title).toBe("Call from Grace");
  expect(shown?.options.body).toBe("2002 for Sales, waited 1:15");
  expect(shown?.closed).toBe(false);
  await act(() => desk.softphone.accept());
  expect([shown?.closed, FakeNotification.shown.length]).toEqual([true, 1]);
});

it("tells nothing before it may, nor when the agent does not want it", async () => {
  const desk = await showDesk(<Notifier />);
  await desk.ring("2002");
  expect(FakeNotification.shown).toEqual([]);
  act(() => setDeskSettings({ notifications: false }));
  act(() => permission.set("granted"));
  expect(FakeNotification.shown).toEqual([]);
});

const incoming = newCall({
  id: 1,
  direction: "incoming",
  number: "5550100",
  phase: "incoming",
  callRef: "c-1",
});
const POP = {
  "GET /api/settings/screen-pop": { url: "https://crm.example/?n={number}&c={call}" },
};
const FILLED = "https://crm.example/?n=5550100&c=c-1";

it("links the customer's page, and opens nothing by itself unless that is wanted", async () => {
  const open = vi.spyOn(window, "open").mockReturnValue(window);
  await showDesk(<ScreenPop call={{ ...incoming, phase: "active" }} />, { answers: POP });
  expect((await screen.findByRole("link")).getAttribute("href")).toBe(FILLED);
  expect(open).not.toHaveBeenCalled();
});

it("opens the customer's page once, when the call is answered", async () => {
  const open = vi.spyOn(window, "open").mockReturnValue(window);
  setDeskSettings({ opensScreenPop: true });
  await showDesk(<ScreenPop call={{ ...incoming, phase: "active" }} />, { answers: POP });
  await waitFor(() => expect(open.mock.calls).toEqual([[FILLED, "offhook-screen-pop"]]));
});

it("does not open it while the call rings, and says when the browser refuses", async () => {
  const open = vi.spyOn(window, "open").mockReturnValue(null);
  setDeskSettings({ opensScreenPop: true });
  const { unmount } = await showDesk(<ScreenPop call={incoming} />, { answers: POP });
  await screen.findByRole("link");
  expect(open).not.toHaveBeenCalled();
  unmount();
  await showDesk(<ScreenPop call={{ ...incoming, phase: "active" }} />, { answers: POP });
  await screen.findByText(/did not let it open/);
});

it("shows nothing where there is no screen pop, or one that is no page of the web", async () => {
  const answers = { "GET /api/settings/screen-pop": { url: "javascript:alert(1)" } };
  await showDesk(<ScreenPop call={incoming} />, { answers });
  await waitFor(() => expect(screen.queryByRole("link")).toBeNull());
});

it("asks for desktop notifications by a button alone", async () => {
  const { user } = await showDesk(<DeskSettingsDialog opened onClose={() => {}} />);
  expect(FakeNotification.asked).toBe(0);
  await user.click(screen.getByRole("button", { name: "Allow desktop notifications" }));
  const choice = await screen.findByRole("switch", { name: /^Desktop notification/ });
  expect(choice).toHaveProperty("checked", true);
  expect(FakeNotification.asked).toBe(1);
});

it("remembers the ring tone", async () => {
  const { user } = await showDesk(<DeskSettingsDialog opened onClose={() => {}} />);
  await user.selectOptions(screen.getByLabelText("Ring tone"), "Soft");
  expect(ring.get().sound).toBe("soft");
  await user.selectOptions(screen.getByLabelText("Ring tone"), "Silent");
  expect(screen.getByRole("button", { name: "Try it" })).toHaveProperty("disabled", true);
});

it("says in the help that letters are turned off", async () => {
  await showDesk(<KeysDialog opened onClose={() => {}} />);
  expect(screen.getByText("Answers the call that rings")).toBeTruthy();
  expect(letterKeys.get()).toBe(true);
  act(() => setLetterKeys(false));
  expect(screen.getByText(/are turned off in the settings/)).toBeTruthy();
});
