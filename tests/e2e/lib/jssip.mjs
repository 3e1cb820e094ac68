import { build } from "esbuild";
import { open } from "./browser.mjs";

/** Any page of the server that runs no script. */
const PAGE = "api/health";
let script;

/** JsSIP as one script that a page can run. */
async function bundled() {
  script ??= build({
    stdin: { contents: 'window.JsSIP = require("jssip");', resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    format: "iife",
  }).then(({ outputFiles }) => outputFiles[0].text);
  return script;
}

/** A page of the server's origin that is a JsSIP phone. */
export class JsSipPage {
  static async open(browser, server, number) {
    const phone = new JsSipPage();
    // A page that the test itself made would not be allowed to reach the server.
    const url = new URL(PAGE, server.portal).href;
    const { page, context } = await open(browser, url, { context: { bypassCSP: true } });
    await page.addScriptTag({ content: await bundled() });
    Object.assign(phone, { page, context });
    await page.evaluate(register, { number, password: `demo-${number}`, ws: server.urls.ws });
    return phone;
  }

  /** Calls, and waits until the call is confirmed. */
  dial(target) {
    return this.page.evaluate(call, { target, video: false });
  }

  /**
   * Answers the next call, with the camera when `video`; the function that it gives waits until the call is
   * confirmed. A phone that takes no video refuses its section.
   */
  async answersNext({ video = false, takesVideo = true } = {}) {
    await this.page.evaluate(answerNext, { video, takesVideo });
    return () => this.page.evaluate(() => window.answered);
  }

  /** Calls with the camera, its codecs with this one first. */
  async dialWithVideo(target, codec) {
    await this.page.evaluate(preferCodec, codec);
    await this.page.evaluate(call, { target, video: true });
  }

  /** Presses keys; `way` is "RFC2833" or "INFO". */
  async press(keys, way) {
    // A confirmed call can send keys when DTLS is done as well.
    if (way === "RFC2833") await this.page.waitForFunction(canPress);
    return this.page.evaluate(
      ([keys, transportType]) =>
        window.session.sendDTMF(keys, { transportType, duration: 100, interToneGap: 500 }),
      [keys, way],
    );
  }

  hangUp() {
    return this.page.evaluate(() => window.session.terminate());
  }
}

/** Runs in the page. */
function register({ number, password, ws }) {
  const socket = new window.JsSIP.WebSocketInterface(ws);
  const uri = `sip:${number}@offhook.local`;
  // The sound is played as the portals play it, so that it is recorded in the same way.
  const audio = document.createElement("audio");
  audio.dataset.offhook = "remote-audio";
  const picture = document.createElement("video");
  picture.dataset.offhook = "remote-video";
  picture.muted = true;
  for (const element of [audio, picture]) {
    element.autoplay = true;
    document.body.append(element);
  }
  window.watch = (connection) => {
    window.connection = connection;
    connection.addEventListener("track", ({ track }) => {
      const element = track.kind === "video" ? picture : audio;
      element.srcObject = new MediaStream([track]);
    });
  };
  window.phone = new window.JsSIP.UA({ sockets: [socket], uri, password, register: true });
  return new Promise((resolve, reject) => {
    window.phone.on("registered", () => resolve());
    window.phone.on("registrationFailed", ({ cause }) => reject(new Error(cause)));
    window.phone.start();
  });
}

/** Runs in the page. */
function canPress() {
  const senders = window.session.connection.getSenders();
  return senders.some(({ dtmf }) => dtmf?.canInsertDTMF);
}

/** Runs in the page. */
function call({ target, video }) {
  return new Promise((resolve, reject) => {
    window.session = window.phone.call(target, {
      mediaConstraints: { audio: true, video },
      eventHandlers: {
        peerconnection: ({ peerconnection }) => window.watch(peerconnection),
        confirmed: () => resolve(),
        failed: ({ cause }) => reject(new Error(cause)),
      },
    });
  });
}

/** Runs in the page. */
function answerNext({ video, takesVideo }) {
  window.answered = new Promise((resolve, reject) => {
    window.phone.once("newRTCSession", ({ session }) => {
      window.session = session;
      session.on("peerconnection", ({ peerconnection }) => window.watch(peerconnection));
      session.on("confirmed", () => resolve());
      session.on("failed", ({ cause }) => reject(new Error(cause)));
      session.on("sdp", (said) => {
        if (takesVideo || said.originator !== "local") return;
        said.sdp = said.sdp.replace(/^m=video \d+/m, "m=video 0");
      });
      session.answer({ mediaConstraints: { audio: true, video } });
    });
  });
}

/** Runs in the page: whatever is offered has this codec first. */
function preferCodec(codec) {
  window.createOffer ??= RTCPeerConnection.prototype.createOffer;
  RTCPeerConnection.prototype.createOffer = function createOffer(...options) {
    const { codecs } = RTCRtpSender.getCapabilities("video");
    const isWanted = ({ mimeType }) => mimeType === `video/${codec}`;
    const wanted = [...codecs.filter(isWanted), ...codecs.filter((one) => !isWanted(one))];
    for (const transceiver of this.getTransceivers()) {
      if (transceiver.receiver.track.kind === "video") transceiver.setCodecPreferences(wanted);
    }
    return window.createOffer.apply(this, options);
  };
}
