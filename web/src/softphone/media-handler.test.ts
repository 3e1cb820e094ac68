import { expect, it } from "vitest";
import { unbundled, videoDirection } from "./media-handler.ts";

it("takes the bundle out of a description and leaves its other groups", () => {
  const lines = ["v=0", "a=group:BUNDLE 0 1", "a=group:LS 0 1", "m=audio 9 RTP/AVP 0", ""];
  const left = ["v=0", "a=group:LS 0 1", "m=audio 9 RTP/AVP 0", ""];
  expect(unbundled(lines.join("\r\n"))).toBe(left.join("\r\n"));
});

it("tells how the picture flows, and nothing of one that was refused", () => {
  const transceiver = (kind: string, direction: string, currentDirection: string | null) => ({
    receiver: { track: { kind } },
    direction,
    currentDirection,
  });
  const connection = (...transceivers: object[]) =>
    ({ getTransceivers: () => transceivers }) as unknown as RTCPeerConnection;
  const sound = transceiver("audio", "sendrecv", "sendrecv");
  const refused = transceiver("video", "stopped", "stopped");
  expect(videoDirection(connection(sound))).toBeNull();
  expect(videoDirection(connection(sound, refused))).toBeNull();
  const again = transceiver("video", "sendrecv", "sendonly");
  expect(videoDirection(connection(sound, refused, again))).toBe("sendonly");
});
