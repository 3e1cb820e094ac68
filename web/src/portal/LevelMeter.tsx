import { useEffect, useRef } from "react";
import type { AudioDevices } from "../softphone/index.ts";
import classes from "./LevelMeter.module.css";

/** Falls slower than it rises, which is easier on the eye. */
const DECAY = 0.88;

/** Shows how loud the open microphone is. */
export function LevelMeter({ audio }: { audio: AudioDevices }) {
  const meter = useRef<HTMLDivElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let frame = 0;
    let shown = 0;
    const draw = () => {
      shown = Math.max(audio.readLevel(), shown * DECAY);
      const hidden = (100 - 100 * shown).toFixed(1);
      if (bar.current) bar.current.style.clipPath = `inset(0 ${hidden}% 0 0)`;
      meter.current?.setAttribute("aria-valuenow", String(Math.round(shown * 100)));
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [audio]);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a meter element cannot be drawn alike everywhere
    <div
      ref={meter}
      className={classes.meter}
      role="meter"
      aria-label="Microphone level"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
    >
      <div ref={bar} className={classes.level} />
    </div>
  );
}
