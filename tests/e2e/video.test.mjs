// Two browsers that see each other: the portal and a JsSIP phone, by a camera of one colour each.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import {
  dial,
  hangUp,
  hearsTone,
  idle,
  launch,
  listenUntil,
  open,
  phase,
  signIn,
} from "./lib/browser.mjs";
import { eventually } from "./lib/eventually.mjs";
import { JsSipPage } from "./lib/jssip.mjs";
import { sees, videoStats } from "./lib/picture.mjs";
import { Server } from "./lib/server.mjs";

const REMOTE = "video[data-offhook=remote-video]";
const OWN = "video[data-offhook=own-video]";
const COUNT_TIMEOUT_MS = 15_000;

describe("video", () => {
  let server;
  let red;
  let blue;
  let portal;
  let phone;
  before(async () => {
    server = await Server.start();
    [red, blue] = await Promise.all([
      launch({ microphone: 440, camera: "red" }),
      launch({ microphone: 1200, camera: "blue" }),
    ]);
    portal = await open(red.browser, `${server.portal}agent`);
    await portal.page.evaluate(keepConnection);
    await signIn(portal.page, "2001", "demo-2001");
    phone = await JsSipPage.open(blue.browser, server, "2002");
  });
  after(async () => {
    await red?.close();
    await blue?.close();
    await server?.stop();
  });

  // A test that failed half-way is not to spoil the next.
  afterEach(async () => {
    const end = portal.page.getByRole("button", { name: /^(Hang up|Cancel|Decline)$/ });
    if (await end.count()) await end.first().click();
    await idle(portal.page);
    await noLegs();
  });

  /** What both pages count. */
  const stats = async () => ({
    portal: await videoStats(portal.page, "connection"),
    phone: await videoStats(phone.page, "connection"),
  });

  async function counted(accept, what) {
    const missing = (last) => `${what}: ${JSON.stringify(last)}`;
    return eventually(stats, accept, missing, COUNT_TIMEOUT_MS);
  }

  async function noLegs() {
    const legs = async () => {
      const text = await (await fetch(new URL("metrics", server.portal))).text();
      return /^offhook_media_legs (\d+)$/m.exec(text)?.[1];
    };
    await eventually(
      legs,
      (count) => count === "0",
      (count) => `${count} legs`,
      COUNT_TIMEOUT_MS,
    );
  }

  async function bothHear() {
    await listenUntil(portal.page, hearsTone(1200), "the phone's 1200 Hz");
    await listenUntil(phone.page, hearsTone(440), "the portal's 440 Hz");
  }

  async function bothSee() {
    await sees(portal.page, REMOTE, "blue");
    await sees(phone.page, REMOTE, "red");
  }

  async function calledByThePortal(answer = { video: true }) {
    const confirmed = await phone.answersNext(answer);
    await portal.page.getByLabel("Number to call").fill("2002");
    await portal.page.getByRole("button", { name: "Call with camera" }).click();
    await phase(portal.page, "active");
    await confirmed();
  }

  async function calledByThePhone(codec) {
    const dialled = phone.dialWithVideo("2001", codec);
    await phase(portal.page, "incoming");
    await portal.page.getByRole("button", { name: "Answer with camera" }).click();
    await dialled;
  }

  for (const codec of ["VP8", "H264"]) {
    it(`in ${codec}: both see and hear each other, and a key frame that one asks for the other makes`, async () => {
      await calledByThePhone(codec);
      await bothSee();
      await bothHear();
      const before = await counted(
        ({ portal, phone }) => portal.decoded > 10 && phone.decoded > 10,
        "frames that were decoded",
      );
      assert.equal(before.portal.codec, `video/${codec}`);
      assert.equal(before.portal.width > 0 && before.phone.width > 0, true);
      await phone.page.evaluate(askForKeyFrame);
      await counted(
        ({ portal }) =>
          portal.keyFramesAskedFor > before.portal.keyFramesAskedFor &&
          portal.keyFrames > before.portal.keyFrames,
        "key frames of the portal",
      );
      await hangUp(portal.page);
    });
  }

  it("on hold neither is seen, and resumed both are", async () => {
    await calledByThePortal();
    await bothSee();
    await sees(portal.page, OWN, "red");
    await portal.page.getByRole("button", { name: "Hold" }).click();
    await portal.page.getByText("On hold", { exact: true }).first().waitFor();
    await portal.page.locator(REMOTE).waitFor({ state: "detached" });
    await portal.page.getByRole("button", { name: "Resume" }).click();
    await portal.page.getByRole("button", { name: "Hold" }).waitFor();
    await bothSee();
    await bothHear();
    await hangUp(portal.page);
  });

  it("is added to a call, taken away and added again by the camera's button", async () => {
    const confirmed = await phone.answersNext();
    await dial(portal.page, "2002");
    await phase(portal.page, "active");
    await confirmed();
    await bothHear();
    const camera = portal.page.getByRole("button", { name: "Camera" });
    for (const round of [1, 2]) {
      await camera.click();
      await portal.page.getByRole("button", { name: "Camera", pressed: true }).waitFor();
      const { phone: before } = await stats();
      const what = `frames decoded in round ${round}`;
      await counted(({ phone }) => phone.decoded > before.decoded + 5, what);
      await sees(phone.page, REMOTE, "red");
      await portal.page.getByText("The other side shows no picture").waitFor();
      await camera.click();
      await portal.page.getByTestId("video").waitFor({ state: "detached" });
    }
    await bothHear();
    await hangUp(portal.page);
  });

  it("is refused by who takes none, and the voices go on", async () => {
    await calledByThePortal({ takesVideo: false });
    const notice = portal.page.getByTestId("failure");
    await notice.waitFor();
    assert.equal(await notice.getAttribute("data-kind"), "no-video");
    await bothHear();
    await hangUp(portal.page);
  });

  it("ends with a transfer, after which the voice goes on", async () => {
    await calledByThePhone("VP8");
    await bothSee();
    await portal.page.getByRole("button", { name: "Transfer" }).click();
    await portal.page.getByRole("dialog").getByLabel("Number").fill("9197");
    await portal.page.getByRole("dialog").getByRole("button", { name: "Transfer" }).click();
    await idle(portal.page);
    await listenUntil(phone.page, hearsTone(1004, 0.9), "the test tone");
    await eventually(
      () => phone.page.evaluate(videoDirection),
      (direction) => direction === null || direction === "stopped" || direction === "inactive",
      (direction) => `the phone's video is ${direction}`,
      COUNT_TIMEOUT_MS,
    );
    await phone.hangUp();
  });
});

/** Runs in the page, whose connection is nobody's to see otherwise. */
function keepConnection() {
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(...options) {
      super(...options);
      window.connection = this;
    }
  };
}

/** Runs in the page: its receiver asks for a key frame as one does that has lost a picture. */
async function askForKeyFrame() {
  const work = `onrtctransform = async ({ transformer }) => {
    transformer.readable.pipeTo(transformer.writable);
    for (;;) {
      await transformer.sendKeyFrameRequest();
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  };`;
  const worker = new Worker(URL.createObjectURL(new Blob([work])));
  const isPicture = ({ track }) => track.kind === "video" && track.readyState === "live";
  const receiver = window.connection.getReceivers().find(isPicture);
  receiver.transform = new RTCRtpScriptTransform(worker);
}

/** Runs in the page. */
function videoDirection() {
  const isPicture = ({ receiver }) => receiver.track.kind === "video";
  return window.connection.getTransceivers().findLast(isPicture)?.currentDirection ?? null;
}
