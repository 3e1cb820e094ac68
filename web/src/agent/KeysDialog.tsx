import { Kbd, Text } from "@mantine/core";
import { letterKeys } from "../portal/letter-keys.ts";
import { useStore } from "../softphone/index.ts";
import classes from "./Desk.module.css";
import { DeskDialog } from "./DeskDialog.tsx";
import { DESK_KEYS } from "./use-desk-keys.ts";

/** Which keys do what. */
export function KeysDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const letters = useStore(letterKeys);
  return (
    <DeskDialog title="Keys" opened={opened} onClose={onClose}>
      <Text size="sm" c="dimmed" mb="xs">
        {letters
          ? "They work anywhere on the page but in fields and dialogs."
          : "The keys of one letter are turned off in the settings."}
      </Text>
      <table className={classes.keys}>
        <tbody>
          {DESK_KEYS.map(([key, does]) => (
            <tr key={key}>
              <td>
                <Kbd>{key}</Kbd>
              </td>
              <td>{does}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </DeskDialog>
  );
}
