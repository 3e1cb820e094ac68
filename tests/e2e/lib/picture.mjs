// Pictures made and measured: video is judged by its content.
import { eventually } from "./eventually.mjs";

/** Luma and chroma (BT.601, limited range) of pictures that survive a codec unmistakably. */
const COLOURS = {
  red: { yuv: [81, 90, 240], is: ([r, g, b]) => r > 150 && g < 90 && b < 90 },
  green: { yuv: [145, 54, 34], is: ([r, g, b]) => g > 150 && r < 90 && b < 90 },
  blue: { yuv: [41, 240, 110], is: ([r, g, b]) => b > 150 && r < 90 && g < 90 },
};
const WIDTH = 320;
const HEIGHT = 240;
const PICTURE_TIMEOUT_MS = 20_000;

/** A Y4M film of one colour, for a browser's fake camera. */
export function film(colour) {
  const [y, u, v] = COLOURS[colour].yuv;
  const frame = Buffer.concat([
    Buffer.from("FRAME\n"),
    Buffer.alloc(WIDTH * HEIGHT, y),
    Buffer.alloc((WIDTH * HEIGHT) / 4, u),
    Buffer.alloc((WIDTH * HEIGHT) / 4, v),
  ]);
  const header = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F15:1 Ip A1:1 C420jpeg\n`);
  return Buffer.concat([header, frame, frame]);
}

/** Waits until the page shows a picture of this colour in the element. */
export async function sees(page, selector, colour) {
  await eventually(
    () => page.evaluate(pixel, selector),
    (rgb) => rgb !== null && COLOURS[colour].is(rgb),
    (rgb) => `${selector} shows ${rgb ?? "nothing"} and not ${colour}`,
    PICTURE_TIMEOUT_MS,
  );
}

/** What the page's call counts of its video, both ways, and its codec. */
export function videoStats(page, connection) {
  return page.evaluate(count, connection);
}

/** Runs in the page: the colour in the middle of what an element shows. */
function pixel(selector) {
  const video = document.querySelector(selector);
  if (!video?.videoWidth) return null;
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext("2d");
  const { videoWidth, videoHeight } = video;
  context.drawImage(video, videoWidth / 2, videoHeight / 2, 1, 1, 0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

/** Runs in the page. */
async function count(connection) {
  const stats = [...(await window[connection].getStats()).values()];
  const find = (type) => stats.find((one) => one.type === type && one.kind === "video") ?? {};
  const received = find("inbound-rtp");
  const sent = find("outbound-rtp");
  const codec = stats.find(({ id }) => id === (received.codecId ?? sent.codecId));
  return {
    decoded: received.framesDecoded ?? 0,
    width: received.frameWidth ?? 0,
    encoded: sent.framesEncoded ?? 0,
    keyFrames: sent.keyFramesEncoded ?? 0,
    keyFramesAskedFor: (sent.pliCount ?? 0) + (sent.firCount ?? 0),
    codec: codec?.mimeType ?? null,
  };
}
