import { expect, it } from "vitest";
import { grade } from "../portal/words.ts";
import { qualityFrom } from "./quality.ts";

type Report = Record<string, unknown> & { type: string };

function reports(received: number, lost: number, bytes: number, atMs: number): Map<string, Report> {
  const timestamp = atMs;
  return new Map<string, Report>([
    [
      "in",
      {
        type: "inbound-rtp",
        kind: "audio",
        codecId: "codec",
        timestamp,
        packetsReceived: received,
        packetsLost: lost,
        bytesReceived: bytes,
        jitter: 0.004,
        jitterBufferDelay: atMs / 1000,
        jitterBufferEmittedCount: 20 * (atMs / 1000),
      },
    ],
    ["out", { type: "outbound-rtp", kind: "audio", timestamp, packetsSent: 7, bytesSent: bytes }],
    ["codec", { type: "codec", mimeType: "audio/opus", clockRate: 48_000 }],
    ["transport", { type: "transport", dtlsState: "connected", selectedCandidatePairId: "pair" }],
    [
      "pair",
      {
        type: "candidate-pair",
        currentRoundTripTime: 0.02,
        localCandidateId: "l",
        remoteCandidateId: "r",
      },
    ],
    ["l", { type: "local-candidate", protocol: "udp", candidateType: "host" }],
    ["r", { type: "remote-candidate", protocol: "udp", candidateType: "prflx" }],
  ]);
}

it("measures loss and rate over the last interval only", () => {
  const first = qualityFrom(reports(100, 50, 10_000, 1000), null);
  const second = qualityFrom(reports(148, 52, 14_000, 2000), first.sample);
  expect(second).toMatchObject({
    codec: "opus, 48 kHz",
    packetsSent: 7,
    packetsReceived: 148,
    packetsLost: 52,
    lossPercent: 4,
    jitterMs: 4,
    roundTripMs: 20,
    jitterBufferMs: 50,
    kbitPerSecondIn: 32,
    security: "DTLS-SRTP",
    path: "UDP, host to prflx",
  });
});

it("says nothing about what was not measured", () => {
  const quality = qualityFrom(new Map(), null);
  const { sample: _, ...figures } = quality;
  expect(Object.values(figures).every((figure) => figure === null)).toBe(true);
  expect(grade(quality)).toBe("measuring");
});

it("grades by the worst figure", () => {
  const good = qualityFrom(reports(100, 0, 1, 1000), null);
  expect(grade(good)).toBe("good");
  expect(grade({ ...good, lossPercent: 2 })).toBe("fair");
  expect(grade({ ...good, remoteLossPercent: 9 })).toBe("poor");
  expect(grade({ ...good, roundTripMs: 900 })).toBe("poor");
});
