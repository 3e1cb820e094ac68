import { Web } from "sip.js";
import type { VideoDirection } from "./line.ts";

type Options = Web.SessionDescriptionHandlerOptions;

/**
 * SIP.js's media, which looks at the first section of an offer alone: an answer of it gives the direction of the
 * sound to the picture too, and ends a hold.
 */
export class MediaHandler extends Web.SessionDescriptionHandler {
  #held = false;

  protected override async updateDirection(options?: Options): Promise<void> {
    this.#held = options?.hold ?? this.#held;
    const answers = this.peerConnection?.signalingState === "have-remote-offer";
    await super.updateDirection({ ...options, hold: this.#held });
    const video = this.peerConnection && videoTransceiver(this.peerConnection);
    if (!answers || !video) return;
    const sends = video.sender.track !== null;
    if (this.#held) video.direction = sends ? "sendonly" : "inactive";
    else video.direction = sends ? "sendrecv" : "recvonly";
  }

  /**
   * Sound and picture have a transport each. A browser whose sound has agreed on a bundle once puts the picture into
   * it for ever, so that none is ever offered or agreed on.
   */
  protected override async createLocalOfferOrAnswer(
    options?: Options,
  ): Promise<RTCSessionDescriptionInit> {
    const description = await super.createLocalOfferOrAnswer(options);
    return { ...description, sdp: unbundled(description.sdp ?? "") };
  }
}

export function unbundled(sdp: string): string {
  return sdp.replace(/^a=group:BUNDLE.*\r?\n/gm, "");
}

/** The transceiver of the picture, unless there is none or it was refused. */
export function videoTransceiver(connection: RTCPeerConnection): RTCRtpTransceiver | undefined {
  return connection
    .getTransceivers()
    .findLast(
      ({ receiver, direction }) => receiver.track.kind === "video" && direction !== "stopped",
    );
}

/** How the picture flows as it was negotiated last; null when there is none. */
export function videoDirection(connection: RTCPeerConnection): VideoDirection | null {
  const direction = videoTransceiver(connection)?.currentDirection ?? null;
  return direction === "stopped" ? null : direction;
}
