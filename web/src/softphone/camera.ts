import { failureFromCamera } from "./failure.ts";

/** What a call needs of the camera; `browserCamera` in a page, a fake in tests. */
export interface CallCamera {
  /** Opens the camera; whoever asked stops the track. Rejects with a Failure. */
  open(): Promise<MediaStreamTrack>;
}

/** More is of no use in the picture that a portal shows. */
const WIDTH = 640;
const HEIGHT = 480;
const FRAMES_PER_S_MAX = 30;

export const browserCamera: CallCamera = {
  async open(): Promise<MediaStreamTrack> {
    try {
      if (!navigator.mediaDevices) {
        throw Object.assign(new Error("no media devices"), { name: "InsecurePageError" });
      }
      const video = {
        width: { ideal: WIDTH },
        height: { ideal: HEIGHT },
        frameRate: { max: FRAMES_PER_S_MAX },
      };
      const stream = await navigator.mediaDevices.getUserMedia({ video });
      const [track] = stream.getVideoTracks();
      if (!track) throw Object.assign(new Error("no track"), { name: "NotFoundError" });
      return track;
    } catch (error) {
      throw failureFromCamera(error);
    }
  },
};
