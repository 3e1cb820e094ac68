import { MantineProvider } from "@mantine/core";
import { act, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { failure } from "../softphone/failure.ts";
import { FakeCall, testBench } from "../softphone/fakes.ts";
import type { AudioDevices } from "../softphone/index.ts";
import { TelephoneProvider } from "../softphone/index.ts";
import { setLetterKeys } from "./letter-keys.ts";
import { Phone } from "./Phone.tsx";

async function shown() {
  // The streams of the bench are none of the page's.
  Object.defineProperty(HTMLMediaElement.prototype, "srcObject", { writable: true, value: null });
  const bench = testBench();
  const audio = Object.assign(bench.audio, { readLevel: () => 0 }) as unknown as AudioDevices;
  const user = userEvent.setup();
  render(
    <MantineProvider>
      <TelephoneProvider value={{ softphone: bench.softphone, audio }}>
        <Phone nameOf={(number) => (number === "9196" ? "Echo" : null)} />
      </TelephoneProvider>
    </MantineProvider>,
  );
  await act(async () => bench.softphone.start());
  const lineCall = () => {
    const call = bench.lines[0]?.calls[0];
    if (!call) throw new Error("nothing was dialled");
    return call;
  };
  return { bench, user, lineCall };
}

it("dials what is typed anywhere on the page when Enter is pressed", async () => {
  const { bench, user } = await shown();
  await user.keyboard("9196{Enter}");
  expect(bench.lines[0]?.dialled).toEqual(["9196"]);
  expect(screen.getByTestId("call-state").textContent).toBe("Calling: Echo");
});

it("dials from the keypad and takes back a digit", async () => {
  const { bench, user } = await shown();
  for (const key of ["9", "1", "2", "star"]) {
    await user.click(screen.getByRole("button", { name: key }));
  }
  await user.click(screen.getByRole("button", { name: "Delete the last digit" }));
  await user.click(screen.getByRole("button", { name: "Call" }));
  expect(bench.lines[0]?.dialled).toEqual(["912"]);
});

it("gives + for a long press of 0, and one 0 for a short one", async () => {
  const { user } = await shown();
  const zero = screen.getByRole("button", { name: "0" });
  await user.pointer({ keys: "[MouseLeft>]", target: zero });
  const field = screen.getByLabelText<HTMLInputElement>("Number to call");
  await waitFor(() => expect(field.value).toBe("+"));
  await user.pointer({ keys: "[/MouseLeft]", target: zero });
  await user.click(zero);
  expect(field.value).toBe("+0");
});

it("cleans up what is pasted", async () => {
  const { bench, user } = await shown();
  await user.click(screen.getByLabelText("Number to call"));
  await user.paste("tel:555-1234");
  await user.keyboard("{Enter}");
  expect(bench.lines[0]?.dialled).toEqual(["5551234"]);
});

it("sends digits, mutes and holds by keys during a call; Escape is harmless", async () => {
  const { bench, user, lineCall } = await shown();
  await user.keyboard("9196{Enter}");
  await act(async () => lineCall().answer());
  await user.keyboard("42m");
  expect(lineCall().peer.sender.dtmf.toneBuffer).toBe("42");
  expect(screen.getByRole("button", { name: "Unmute" }).getAttribute("aria-pressed")).toBe("true");
  await user.keyboard("h{Escape}");
  expect(lineCall().done).toEqual(["hold"]);
  expect(bench.softphone.state.get().call?.hold).toBe("held");
});

it("starts and stops the camera by its button and by V", async () => {
  const { bench, user, lineCall } = await shown();
  await user.keyboard("9196{Enter}");
  const camera = screen.getByRole("button", { name: "Camera" });
  expect(camera).toHaveProperty("disabled", true);
  await act(async () => lineCall().answer());
  await user.click(camera);
  await waitFor(() => expect(camera.getAttribute("aria-pressed")).toBe("true"));
  expect(screen.getByLabelText("Your own picture")).toBeTruthy();
  expect(screen.getByText("The other side shows no picture")).toBeTruthy();
  await user.keyboard("v");
  await waitFor(() => expect(screen.queryByTestId("video")).toBeNull());
  expect(lineCall().done).toEqual(["camera on", "camera off"]);
  expect(bench.softphone.state.get().call?.camera).toBe("off");
});

it("says why the camera did not start, and keeps the call", async () => {
  const { bench, user, lineCall } = await shown();
  bench.camera.failure = failure("camera-missing");
  await user.keyboard("9196{Enter}");
  await act(async () => lineCall().answer());
  await user.click(screen.getByRole("button", { name: "Camera" }));
  const notice = await screen.findByTestId("failure");
  expect(notice.dataset.kind).toBe("camera-missing");
  expect(bench.softphone.state.get().call?.phase).toBe("active");
});

it("offers the camera for the answer of a call with video alone", async () => {
  const { bench, user } = await shown();
  const incoming = new FakeCall();
  await act(async () => bench.lines[0]?.handlers.onIncoming(incoming));
  expect(screen.queryByRole("button", { name: "Answer with camera" })).toBeNull();
  await act(async () => incoming.end());
  const withVideo = new FakeCall();
  withVideo.offersVideo = true;
  await act(async () => bench.lines[0]?.handlers.onIncoming(withVideo));
  await user.click(screen.getByRole("button", { name: "Answer with camera" }));
  await waitFor(() => expect(withVideo.done).toEqual(["accept"]));
  expect(withVideo.begunWith).toEqual(["audio", "video"]);
});

it("leaves letters alone when they are turned off, and still sends digits", async () => {
  const { user, lineCall } = await shown();
  act(() => setLetterKeys(false));
  await user.keyboard("9196{Enter}");
  await act(async () => lineCall().answer());
  await user.keyboard("mh7");
  expect(screen.getByRole("button", { name: "Mute" })).toBeTruthy();
  expect(lineCall().done).toEqual([]);
  expect(lineCall().peer.sender.dtmf.toneBuffer).toBe("7");
  act(() => setLetterKeys(true));
});

it("keeps keys typed into the transfer dialog to itself", async () => {
  const { user, lineCall } = await shown();
  await user.keyboard("9196{Enter}");
  await act(async () => lineCall().answer());
  await user.click(screen.getByRole("button", { name: "Transfer" }));
  await user.type(await screen.findByLabelText("Number"), "1002{Enter}");
  expect(lineCall().done[0]).toBe("transfer 1002");
  expect(lineCall().peer.sender.dtmf.toneBuffer).toBe("");
});

it("tells at once why a call failed", async () => {
  const { user, lineCall } = await shown();
  await user.keyboard("404{Enter}");
  await act(async () => lineCall().end({ failure: failure("no-route", "No such number", 404) }));
  const alert = screen.getByRole("alert");
  expect(alert.textContent).toContain("This number does not exist");
  expect(alert.textContent).toContain("No such number");
  await user.click(screen.getByRole("button", { name: "Dismiss" }));
  expect(screen.queryByRole("alert")).toBeNull();
});

it("says which number failed, and that an offered one is not set up", async () => {
  const { user, lineCall } = await shown();
  await user.keyboard("9196{Enter}");
  await act(async () => lineCall().end({ failure: failure("no-route", null, 404) }));
  const alert = screen.getByRole("alert");
  expect(alert.textContent).toContain("Echo, 9196");
  expect(alert.textContent).toContain("not set up on this server");
  expect(screen.queryByRole("button", { name: "Call again" })).toBeNull();
});

it("calls a busy number again with one click", async () => {
  const { bench, user, lineCall } = await shown();
  await user.keyboard("2002{Enter}");
  await act(async () => lineCall().end({ failure: failure("busy") }));
  await user.click(screen.getByRole("button", { name: "Call again" }));
  expect(bench.lines[0]?.dialled).toEqual(["2002", "2002"]);
});

it("keeps the keyboard's place when a call ends", async () => {
  const { user, lineCall } = await shown();
  const card = screen.getByRole("region", { name: "Telephone" });
  await user.keyboard("9196{Enter}");
  await act(async () => lineCall().answer());
  screen.getByRole("button", { name: "Hang up" }).focus();
  await user.keyboard("{Enter}");
  expect(document.activeElement).toBe(card);
});

it("complains once about a lost connection, through all further attempts", async () => {
  const { bench, user } = await shown();
  const line = bench.lines[0];
  if (!line) throw new Error("no line");
  line.connectAnswer = () => Promise.reject(new Error("nobody listens"));
  await act(async () => line.handlers.onDisconnected());
  expect(screen.queryByRole("alert")).toBeNull();
  await act(async () => bench.softphone.connection.retryNow());
  await user.keyboard("9196{Enter}");
  await waitFor(() => expect(screen.getAllByRole("alert")).toHaveLength(1));
  let complain = () => {};
  line.connectAnswer = () => new Promise((_, reject) => (complain = () => reject(new Error())));
  await act(async () => bench.softphone.connection.retryNow());
  expect(screen.getAllByRole("alert")).toHaveLength(1);
  await act(async () => complain());
});
