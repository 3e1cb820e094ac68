import { MantineProvider } from "@mantine/core";
import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import type { CallRecord } from "../api/client.ts";
import { CallTable } from "./CallTable.tsx";

const call: CallRecord = {
  id: "1",
  caller: "1001",
  caller_name: null,
  dialled: "1002",
  answered_by: "1002",
  started_at: "2026-11-22T18:00:00Z",
  ring_seconds: 2,
  talk_seconds: 10,
  hangup_cause: 16,
  hangup_cause_name: "NORMAL_CLEARING",
  hung_up_by: "caller",
  caller_codec: "PCMU",
  callee_codec: null,
  loss_percent: null,
  jitter_ms: null,
  mos: null,
  verdict: null,
  recordings: [],
  stars: null,
};

function show(calls: CallRecord[]) {
  render(
    <MantineProvider>
      <CallTable calls={calls} />
    </MantineProvider>,
  );
}

test("a call in which everybody was heard has no reason beside it", () => {
  show([call]);
  expect(screen.queryByRole("alert")).toBeNull();
});

test("a party that was not heard is named with what was seen and what to change", () => {
  const evidence = "No packet came within 10 s; 500 were sent.";
  const advice = "Open the media ports.";
  const verdict = { code: "nothing_received", leg: 1, evidence, advice };
  show([call, { ...call, id: "2", verdict }]);
  const alert = screen.getByRole("alert");
  expect(alert.textContent).toContain("The called party was not heard: nothing received");
  expect(alert.textContent).toContain(evidence);
  expect(alert.textContent).toContain(advice);
});
