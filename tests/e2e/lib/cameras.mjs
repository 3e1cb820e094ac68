// What runs in the pages of two browsers with cameras, and what they see of each other.

import { eventually } from "./eventually.mjs";

/** Waits until a page sees this colour, by its place in red, green and blue, and says what else it knows. */
export const seesColour = (page, colour, timeout, isEnough = () => true) =>
  eventually(
    () => page.evaluate(picture),
    (seen) =>
      seen.pixel.every((part, place) => (place === colour ? part > 180 : part < 80)) &&
      isEnough(seen),
    (seen) => `too little is seen: ${JSON.stringify(seen)}`,
    timeout,
  );

/** Runs in the page: its camera shows one colour, in which something moves; `window.colour` is another. */
export async function film(colour) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 320, height: 240 });
  const brush = canvas.getContext("2d");
  let count = 0;
  window.colour = colour;
  setInterval(() => {
    brush.fillStyle = window.colour;
    brush.fillRect(0, 0, 320, 240);
    count += 1;
    brush.fillStyle = "white";
    brush.fillRect(count % 300, 0, 20, 20);
  }, 40);
  const sound = await navigator.mediaDevices.getUserMedia({ audio: true });
  const tracks = [...sound.getTracks(), ...canvas.captureStream(25).getTracks()];
  window.film = new MediaStream(tracks);
}

/** Runs in the page. */
export function answerWithVideo() {
  window.phone.on("newRTCSession", ({ originator, session }) => {
    window.session = session;
    if (originator === "remote") session.answer({ mediaStream: window.film });
  });
}

/** Runs in the page. */
export function callWithVideo(target) {
  return new Promise((resolve, reject) => {
    window.session = window.phone.call(target, {
      mediaStream: window.film,
      eventHandlers: {
        confirmed: () => resolve(),
        failed: ({ cause }) => reject(new Error(cause)),
      },
    });
  });
}

/** Runs in the page: what it sees, and what the other page reports on the picture it is sent. */
async function picture() {
  const { connection } = window.session;
  const receiver = connection.getReceivers().find(({ track }) => track.kind === "video");
  if (receiver && !window.view) {
    window.view = document.createElement("video");
    Object.assign(window.view, { muted: true, srcObject: new MediaStream([receiver.track]) });
    await window.view.play();
  }
  const brush = document.createElement("canvas").getContext("2d");
  if (window.view) brush.drawImage(window.view, 0, 0, 300, 150);
  const stats = [...(await connection.getStats()).values()];
  const of = (type) => stats.find((stat) => stat.type === type && stat.kind === "video");
  const seen = of("inbound-rtp");
  return {
    pixel: [...brush.getImageData(150, 100, 1, 1).data].slice(0, 3),
    frames: seen?.framesDecoded,
    codec: stats.find(({ id }) => id === seen?.codecId)?.mimeType,
    reportedLoss: of("remote-inbound-rtp")?.packetsLost,
  };
}
