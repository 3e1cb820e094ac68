import { Text } from "@mantine/core";
import { useEffect, useState } from "react";

/** Says where calls ring, and that a page nobody has touched yet may not make a sound. */
export function RingHint({ username }: { username: string }) {
  const audible = useTouched();
  return (
    <Text c="dimmed" size="sm" ta="center" maw="24rem">
      Calls to {username} ring here while this page is open.
      {!audible && " Click once on this page, or the browser keeps the ringing silent."}
    </Text>
  );
}

/** Browsers play no sound in a page before its first click or key. */
function useTouched(): boolean {
  const [touched, setTouched] = useState(() => navigator.userActivation?.hasBeenActive ?? true);
  useEffect(() => {
    if (touched) return;
    const touch = () => setTouched(true);
    document.addEventListener("pointerdown", touch);
    document.addEventListener("keydown", touch);
    return () => {
      document.removeEventListener("pointerdown", touch);
      document.removeEventListener("keydown", touch);
    };
  }, [touched]);
  return touched;
}
