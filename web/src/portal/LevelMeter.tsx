import { IconMicrophone, IconMicrophoneOff } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import type { AudioDevices } from "../softphone/index.ts";
import classes from "./LevelMeter.module.css";

/** Falls slower than it rises, which is easier on the eye. */
const DECAY = 0.88;

/** Shows how loud the open microphone is; nothing while it is `off`, since nobody hears it then. */
export function LevelMeter({ audio, off = false }: { audio: AudioDevices; off?: boolean }) {
  const meter = useRef<HTMLDivElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let frame = 0;
    let shown = 0;
    const draw = () => {
      shown = off ? 0 : Math.max(audio.readLevel(), shown * DECAY);
      const hidden = (100 - 100 * shown).toFixed(1);
      if (bar.current) bar.current.style.clipPath = `inset(0 ${hidden}% 0 0)`;
      meter.current?.setAttribute("aria-valuenow", String(Math.round(shown * 100)));
      if (!off) frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [audio, off]);
  const Icon = off ? IconMicrophoneOff : IconMicrophone;
  return (
    <div className={classes.row} data-off={off}>
      <Icon size={16} aria-hidden />
      {/* biome-ignore lint/a11y/useSemanticElements: a meter element cannot be drawn alike everywhere */}
      <div
        ref={meter}
        className={classes.meter}
        role="meter"
        aria-label="Microphone level"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={0}
        {...(off ? { "aria-valuetext": "Off" } : {})}
      >
        <div ref={bar} className={classes.level} />
      </div>
    </div>
  );
}
