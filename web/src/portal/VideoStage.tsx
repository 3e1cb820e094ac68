import { useEffect, useRef } from "react";
import type { Call } from "../softphone/index.ts";
import classes from "./VideoStage.module.css";

/** The other side's picture with our own small in its corner, or our own alone. */
export function VideoStage({ call }: { call: Call }) {
  const { remoteVideo, ownVideo, hold } = call;
  return (
    <div className={classes.stage} data-testid="video">
      {remoteVideo ? (
        <Picture stream={remoteVideo} label="Picture of the other side" name="remote" />
      ) : (
        <div className={classes.words} role="status">
          {hold === "none" ? "The other side shows no picture" : "No picture while on hold"}
        </div>
      )}
      {ownVideo && (
        <div className={classes.own}>
          <Picture stream={ownVideo} label="Your own picture" name="own" />
        </div>
      )}
    </div>
  );
}

/** The sound of a call is played elsewhere, so that a picture makes none. */
function Picture({ stream, label, name }: { stream: MediaStream; label: string; name: string }) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (element.current) element.current.srcObject = stream;
  }, [stream]);
  return (
    <video
      ref={element}
      className={classes.picture}
      data-offhook={`${name}-video`}
      aria-label={label}
      autoPlay
      playsInline
      muted
    />
  );
}
