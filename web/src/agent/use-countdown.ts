import { useEffect, useState } from "react";
import { serverClock } from "../api/server-clock.ts";

/** Whole seconds until a moment of the server, counting down to 0; null without one. */
export function useCountdown(moment: string | null): number | null {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (moment === null) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [moment]);
  if (moment === null) return null;
  return Math.max(0, Math.ceil((serverClock.local(moment) - now) / 1000));
}
