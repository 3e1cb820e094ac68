import { MantineProvider } from "@mantine/core";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import type { CallRecord, Recording } from "../api/client.ts";
import { CallRecordings, minutes, pausesOf } from "./CallRecordings.tsx";

const call = { id: "c", recordings: ["c-1"] } as CallRecord;
const recording: Recording = {
  id: "c-1",
  state: "complete",
  failure: null,
  seconds: 83.4,
  marks: [
    { seconds: 5, kind: "pause" },
    { seconds: 65.2, kind: "resume" },
  ],
  encrypted: true,
};

afterEach(() => vi.unstubAllGlobals());

/** Shows the recordings of a call, when the server gives these, or an error. */
async function open(items: Recording[] | null) {
  const answer = items
    ? Response.json({ items, next_cursor: null })
    : Response.json({ title: "Offhook cannot do it at the moment" }, { status: 503 });
  const asked = vi.fn().mockResolvedValue(answer);
  vi.stubGlobal("fetch", asked);
  render(
    <MantineProvider>
      <CallRecordings call={call} />
    </MantineProvider>,
  );
  expect(asked).not.toHaveBeenCalled();
  await userEvent.click(screen.getByRole("button", { name: "Recording" }));
  expect(asked.mock.calls[0]?.[0]).toBe("/api/recordings?call=c&limit=1000");
}

test("a recording is played from the server, and its pauses are named", async () => {
  await open([recording]);
  const player = await screen.findByLabelText("Recording 1");
  expect(player.getAttribute("src")).toBe("/api/recordings/c-1/audio");
  expect(screen.getByText("1:23")).toBeTruthy();
  expect(screen.getByText("encrypted")).toBeTruthy();
  expect(screen.getByRole("button", { name: "0:05 – 1:05" })).toBeTruthy();
});

test("a recording that failed says why", async () => {
  await open([{ ...recording, state: "failed", failure: "no space is left for recordings" }]);
  expect(await screen.findByText(/no space is left/)).toBeTruthy();
});

test("recordings that were deleted are said to be", async () => {
  await open([]);
  expect(await screen.findByText(/were deleted/)).toBeTruthy();
});

test("an error is told and the recordings can be asked for again", async () => {
  await open(null);
  expect((await screen.findByRole("alert")).textContent).toContain("could not be fetched");
  expect(screen.getByRole("button", { name: "Recording" })).toBeTruthy();
});

test("a pause that was never resumed lasts until the end", () => {
  expect(pausesOf([{ seconds: 3, kind: "pause" }])).toEqual([{ from: 3, to: null }]);
  expect(minutes(3_599.9)).toBe("59:59");
});
