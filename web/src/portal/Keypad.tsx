import { UnstyledButton } from "@mantine/core";
import { useRef } from "react";
import classes from "./Keypad.module.css";

const KEYS: [key: string, letters: string, name: string][] = [
  ["1", "", "1"],
  ["2", "ABC", "2"],
  ["3", "DEF", "3"],
  ["4", "GHI", "4"],
  ["5", "JKL", "5"],
  ["6", "MNO", "6"],
  ["7", "PQRS", "7"],
  ["8", "TUV", "8"],
  ["9", "WXYZ", "9"],
  ["*", "", "star"],
  ["0", "+", "0"],
  ["#", "", "hash"],
];

const LONG_PRESS_MS = 500;

/** The twelve keys of a telephone; `plus` when a long press of 0 gives +, as on a mobile. */
export function Keypad({
  label,
  plus = false,
  onKey,
}: {
  label: string;
  plus?: boolean;
  onKey: (key: string) => void;
}) {
  const long = useLongPress(() => onKey("+"));
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for form controls; these are keys
    <div className={classes.keys} role="group" aria-label={label}>
      {KEYS.map(([key, letters, name]) => (
        <UnstyledButton
          key={key}
          type="button"
          className={classes.key}
          aria-label={name}
          data-key={key}
          data-letters={key === "0" && !plus ? "" : letters}
          {...(key === "0" && plus ? long.events : {})}
          onClick={() => {
            if (!long.ended()) onKey(key);
          }}
        >
          {key}
        </UnstyledButton>
      ))}
    </div>
  );
}

function useLongPress(act: () => void) {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const done = useRef(false);
  const cancel = () => clearTimeout(timer.current);
  const press = () => {
    done.current = false;
    cancel();
    timer.current = setTimeout(() => {
      done.current = true;
      act();
    }, LONG_PRESS_MS);
  };
  return {
    events: {
      onPointerDown: press,
      onPointerUp: cancel,
      onPointerLeave: cancel,
      onPointerCancel: cancel,
      // A long touch would open the browser's menu.
      onContextMenu: (event: { preventDefault(): void }) => event.preventDefault(),
    },
    /** Whether the click that follows belongs to a long press. */
    ended: () => {
      const was = done.current;
      done.current = false;
      return was;
    },
  };
}
