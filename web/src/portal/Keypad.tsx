import { UnstyledButton } from "@mantine/core";
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

/** The twelve keys of a telephone. */
export function Keypad({ label, onKey }: { label: string; onKey: (key: string) => void }) {
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
          data-letters={letters}
          onClick={() => onKey(key)}
        >
          {key}
        </UnstyledButton>
      ))}
    </div>
  );
}
