import { expect, it } from "vitest";
import { failure } from "./failure.ts";
import { FakeCall, FakeTrack, testBench } from "./fakes.ts";

const settle = () => new Promise((resolve) => setTimeout(resolve));

async function ready() {
  const bench = testBench();
  bench.softphone.start();
  await settle();
  const line = bench.lines[0];
  if (!line) throw new Error("no line");
  return { bench, line, softphone: bench.softphone, call: () => bench.softphone.state.get().call };
}

async function active(withCamera = false) {
  const phone = await ready();
  await phone.softphone.call("1001", withCamera);
  const lineCall = phone.line.calls[0];
  if (!lineCall) throw new Error("no call");
  lineCall.answer();
  return { ...phone, lineCall };
}

it("calls with sound alone unless the camera is asked for", async () => {
  const { bench, lineCall, call } = await active();
  expect(lineCall.begunWith).toEqual(["audio"]);
  expect(bench.camera.tracks).toHaveLength(0);
  expect(call()?.camera).toBe("off");
});

it("calls with the camera, and stops it with the call", async () => {
  const { bench, lineCall, softphone, call } = await active(true);
  expect(lineCall.begunWith).toEqual(["audio", "video"]);
  expect(call()?.camera).toBe("on");
  expect(call()?.ownVideo).not.toBeNull();
  softphone.hangUp();
  expect(bench.camera.tracks[0]?.stopped).toBe(true);
});

it("calls with sound alone when the camera is refused, and says so", async () => {
  const { bench, line, softphone, call } = await ready();
  bench.camera.failure = failure("camera-denied");
  await softphone.call("1001", true);
  expect(line.calls[0]?.begunWith).toEqual(["audio"]);
  expect(call()?.notice?.kind).toBe("camera-denied");
});

it("starts and stops the camera during a call", async () => {
  const { bench, lineCall, softphone, call } = await active();
  const starting = softphone.toggleCamera();
  expect(call()?.camera).toBe("starting");
  await starting;
  expect(call()?.camera).toBe("on");
  await softphone.toggleCamera();
  expect(lineCall.done).toEqual(["camera on", "camera off"]);
  expect(call()).toMatchObject({ camera: "off", ownVideo: null });
  expect(bench.camera.tracks[0]?.stopped).toBe(true);
});

it("stops the camera when the other side takes no video", async () => {
  const { bench, lineCall, softphone, call } = await active();
  lineCall.cameraAnswer = Promise.reject(failure("no-video"));
  await softphone.toggleCamera();
  expect(call()).toMatchObject({ camera: "off", notice: { kind: "no-video" } });
  expect(bench.camera.tracks[0]?.stopped).toBe(true);
});

it("stops the camera when a call that began with it is answered without video", async () => {
  const { bench, lineCall, call } = await active(true);
  lineCall.handlers?.onVideo(null);
  expect(call()).toMatchObject({ camera: "off", notice: { kind: "no-video" } });
  expect(bench.camera.tracks[0]?.stopped).toBe(true);
});

it("shows the other side's picture while it is agreed on and arrives", async () => {
  const { lineCall, call } = await active();
  const track = new FakeTrack("video");
  track.muted = true;
  lineCall.peer.receive(track);
  lineCall.handlers?.onVideo("recvonly");
  expect(call()?.remoteVideo).toBeNull();
  track.muted = false;
  track.dispatchEvent(new Event("unmute"));
  expect(call()?.remoteVideo).not.toBeNull();
  lineCall.handlers?.onVideo("inactive");
  expect(call()?.remoteVideo).toBeNull();
});

it("sends no picture on hold, and the sound's mute leaves the picture alone", async () => {
  const { bench, softphone } = await active(true);
  softphone.toggleMute();
  expect(bench.camera.tracks[0]?.enabled).toBe(true);
  await softphone.toggleHold();
  expect(bench.camera.tracks[0]?.enabled).toBe(false);
  await softphone.toggleHold();
  expect(bench.camera.tracks[0]?.enabled).toBe(true);
});

it("answers with or without the camera", async () => {
  for (const withCamera of [true, false]) {
    const { line, softphone, call } = await ready();
    const incoming = new FakeCall();
    incoming.offersVideo = true;
    line.handlers.onIncoming(incoming);
    expect(call()?.offersVideo).toBe(true);
    await softphone.accept(withCamera);
    expect(incoming.begunWith).toEqual(withCamera ? ["audio", "video"] : ["audio"]);
    expect(call()?.camera).toBe(withCamera ? "on" : "off");
  }
});

it("does not leave the camera on when the call ends while it is opened", async () => {
  const { bench, softphone } = await active();
  const starting = softphone.toggleCamera();
  softphone.hangUp();
  await starting;
  expect(bench.camera.tracks[0]?.stopped).toBe(true);
});
