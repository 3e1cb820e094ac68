import { useEffect } from "react";

/** During a call the page is not left by accident, and a telephone's screen stays on. */
export function useCallGuard(active: boolean): void {
  useEffect(() => {
    if (!active) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    const lock = new ScreenLock();
    const onVisible = () => lock.take();
    lock.take();
    addEventListener("beforeunload", ask);
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      lock.release();
      removeEventListener("beforeunload", ask);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [active]);
}

/** Best effort: a browser without wake locks, or low on battery, lets its screen go dark. */
class ScreenLock {
  #sentinel: WakeLockSentinel | null = null;
  #released = false;

  /** The browser takes the lock away with the page's visibility, so this is asked again then. */
  take(): void {
    if (document.visibilityState !== "visible") return;
    navigator.wakeLock?.request("screen").then(
      (sentinel) => {
        if (this.#released) void sentinel.release();
        else this.#sentinel = sentinel;
      },
      () => undefined,
    );
  }

  release(): void {
    this.#released = true;
    void this.#sentinel?.release();
  }
}
