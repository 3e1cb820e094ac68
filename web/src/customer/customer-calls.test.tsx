import { MantineProvider } from "@mantine/core";
import { act, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { Phone } from "../portal/Phone.tsx";
import { testBench } from "../softphone/fakes.ts";
import type { AudioDevices, Progress } from "../softphone/index.ts";
import { TelephoneProvider } from "../softphone/index.ts";
import { CallbackOffer } from "./CallbackOffer.tsx";
import { RateCall } from "./RateCall.tsx";

const QUEUED: Progress = {
  state: "queued",
  queue: "Sales",
  position: 2,
  expectedWaitSeconds: null,
  offersCallback: true,
};

const PARTS = { Details: CallbackOffer, AfterCall: RateCall };

afterEach(() => {
  vi.unstubAllGlobals();
  localStorage.clear();
});

/** A customer on an answered call. */
async function onCall() {
  Object.defineProperty(HTMLMediaElement.prototype, "srcObject", { writable: true, value: null });
  const bench = testBench();
  const audio = Object.assign(bench.audio, { readLevel: () => 0 }) as unknown as AudioDevices;
  const user = userEvent.setup();
  render(
    <MantineProvider>
      <TelephoneProvider value={{ softphone: bench.softphone, audio }}>
        <Phone nameOf={() => null} parts={PARTS} />
      </TelephoneProvider>
    </MantineProvider>,
  );
  await act(async () => bench.softphone.start());
  await act(async () => bench.softphone.call("6000"));
  const call = bench.lines[0]?.calls[0];
  if (!call) throw new Error("nothing was dialled");
  await act(async () => {
    call.handlers?.onNamed("c-1");
    call.answer();
  });
  const tell = (progress: Progress) => act(async () => call.handlers?.onProgress(progress));
  return { call, user, tell };
}

it("asks for a callback by keyboard alone, and says what became of it", async () => {
  const { call, user, tell } = await onCall();
  await tell({ ...QUEUED, offersCallback: false });
  expect(screen.queryByRole("button", { name: "Call me back instead" })).toBeNull();
  await tell(QUEUED);
  await user.click(screen.getByRole("button", { name: "Call me back instead" }));
  call.callbackAnswer = "not_callable";
  await user.keyboard("7777{Enter}");
  await waitFor(() => expect(screen.getByText(/We cannot call that number/)).toBeTruthy());
  const field = screen.getByLabelText<HTMLInputElement>(/Your number/);
  expect(document.activeElement).toBe(field);
  call.callbackAnswer = null;
  await user.clear(field);
  await user.keyboard("1005{Enter}");
  await waitFor(() => expect(call.done).toContain("callback 1005"));
  await tell({ state: "callback_taken", number: "1005" });
  await tell({ state: "connecting" });
  expect(screen.getByTestId("call-words").textContent).toContain("call you back at 1005");
  await act(async () => call.end());
  const ended = "You keep your place: we will call you back at 1005";
  expect(screen.getByTestId("last-call").textContent).toBe(ended);
  expect(screen.queryByTestId("rate-call")).toBeNull();
});

it("asks after a call with an agent how that was, and sends it with the guest's credentials", async () => {
  const asked = vi.fn(async () => new Response("{}", { status: 201 }));
  vi.stubGlobal("fetch", asked);
  const expires_at = new Date(Date.now() + 60_000).toISOString();
  const guest = { username: "guest-1", password: "secret", domain: "d", ws_url: "/ws", expires_at };
  localStorage.setItem("offhook.guest", JSON.stringify(guest));
  const { call, user, tell } = await onCall();
  await tell({ state: "talking", with: "2001", name: "Ann", isAgent: true });
  await act(async () => call.end());
  expect(screen.getByText("How was your call with Ann?")).toBeTruthy();
  const send = screen.getByRole<HTMLButtonElement>("button", { name: "Send rating" });
  expect(send.disabled).toBe(true);
  await user.click(screen.getByRole("radio", { name: "4 stars" }));
  await user.type(screen.getByLabelText("Anything to add?"), "Quick");
  await user.click(send);
  await waitFor(() => expect(screen.getByTestId("rated")).toBeTruthy());
  const [path, { body }] = asked.mock.calls[0] as unknown as [string, { body: string }];
  expect(path).toBe("/api/calls/c-1/rating");
  const sent = { username: "guest-1", password: "secret", stars: 4, comment: "Quick" };
  expect(JSON.parse(body)).toEqual(sent);
});

it("says why a rating was not taken, and lets whoever wants skip it", async () => {
  vi.stubGlobal("fetch", async () => new Response("{}", { status: 409 }));
  const { call, user, tell } = await onCall();
  await tell({ state: "talking", with: "2001", name: null, isAgent: true });
  await act(async () => call.end());
  await user.click(screen.getByRole("radio", { name: "1 star" }));
  await user.click(screen.getByRole("button", { name: "Send rating" }));
  const alert = await screen.findByText("You have rated this call already.");
  expect(alert).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Skip" }));
  expect(screen.queryByTestId("rate-call")).toBeNull();
});

it("asks nobody who has spoken with no agent", async () => {
  const { call, tell } = await onCall();
  await tell({ state: "talking", with: "1001", name: null, isAgent: false });
  await act(async () => call.end());
  expect(screen.queryByTestId("rate-call")).toBeNull();
});
