import { Text, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { isAllowed, useSoftphone } from "../softphone/index.ts";
import classes from "./Favourites.module.css";
import type { Favourite } from "./numbers.ts";

/** Numbers to call with one click; those the server does not allow are left out. */
export function Favourites({ items, compact = false }: { items: Favourite[]; compact?: boolean }) {
  const { softphone, connection, call } = useSoftphone();
  const allowed = items.filter(({ number }) => isAllowed(number, connection.allowed));
  return (
    <ul className={compact ? `${classes.list} ${classes.checks}` : classes.list}>
      {allowed.map(({ number, name, text, Icon }) => (
        <li key={number}>
          <UnstyledButton
            className={classes.item}
            disabled={call !== null}
            onClick={() => void softphone.call(number)}
          >
            <span className={classes.icon}>
              <Icon size={22} stroke={1.7} aria-hidden />
            </span>
            <span className={classes.words}>
              <span className={classes.name}>
                <VisuallyHidden component="span">Call </VisuallyHidden>
                {name}
              </span>
              <Text component="span" display="block" size="sm" c="dimmed">
                {text}
              </Text>
            </span>
            <span className={classes.number}>{number}</span>
          </UnstyledButton>
        </li>
      ))}
    </ul>
  );
}
