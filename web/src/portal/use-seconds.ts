import { useEffect, useState } from "react";

/** Whole seconds since `start` (milliseconds since the epoch), counting while it is shown. */
export function useSeconds(start: number | null): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (start === null) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [start]);
  return start === null ? 0 : Math.max(0, Math.floor((now - start) / 1000));
}
