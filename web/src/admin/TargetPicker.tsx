import { Group, NativeSelect, TextInput } from "@mantine/core";
import { TARGET_KINDS, type Target, type TargetKind } from "../api/menus.ts";

const WORDS: Record<TargetKind, string> = {
  queue: "Queue",
  menu: "Menu",
  extension: "Extension",
  number: "Number",
  room: "Room",
  voicemail: "Voicemail of",
  play: "Play and end",
  hang_up: "End the call",
};

/** Where callers are sent. */
export function TargetPicker({
  label,
  target,
  menus,
  error,
  onChange,
}: {
  label: string;
  target: Target;
  /** The names of the menus that there are. */
  menus: string[];
  error: string | null;
  onChange: (target: Target) => void;
}) {
  const setKind = (kind: TargetKind) => {
    if (kind === "hang_up") onChange({ kind });
    else onChange({ kind, to: kind === "menu" ? (menus[0] ?? "") : "" });
  };
  return (
    <Group gap="xs" align="flex-start" wrap="wrap">
      <NativeSelect
        aria-label={`${label}: kind`}
        data={TARGET_KINDS.map((value) => ({ value, label: WORDS[value] }))}
        value={target.kind}
        onChange={(event) => setKind(event.currentTarget.value as TargetKind)}
        error={target.kind === "hang_up" ? error : null}
      />
      {target.kind === "menu" && (
        <NativeSelect
          aria-label={label}
          data={[...new Set([...menus, target.to ?? ""])]}
          value={target.to ?? ""}
          onChange={(event) => onChange({ kind: "menu", to: event.currentTarget.value })}
          error={error}
        />
      )}
      {target.kind !== "menu" && target.kind !== "hang_up" && (
        <TextInput
          aria-label={label}
          value={target.to ?? ""}
          onChange={(event) => onChange({ kind: target.kind, to: event.currentTarget.value })}
          error={error}
        />
      )}
    </Group>
  );
}
