import { NativeSelect, Stack, Text, Textarea } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { writeNotes } from "../api/desk.ts";
import { useStore } from "../softphone/index.ts";
import { useDeed, useDispositions } from "./desk-queries.ts";
import { outcomes } from "./outcomes.ts";

/** Rests of this length in typing are when the notes are written to the server. */
export const WRITE_AFTER_MS = 700;
export const NOTES_LENGTH_MAX = 4000;

/**
 * Notes and disposition of a call, written to the server as they are made. Without a call they are kept under
 * `draft` until the wrap-up ends.
 */
export function OutcomeForm({ call, draft }: { call: string | null; draft: string }) {
  const written = useStore(outcomes.state).get(draft) ?? outcomes.of(draft);
  const { data: dispositions = [] } = useDispositions();
  const { mutate, error, isSuccess } = useDeed(async () => {
    if (call !== null) await writeNotes(call, outcomes.of(draft));
  });
  const write = useDebouncedCallback(mutate, { delay: WRITE_AFTER_MS, flushOnUnmount: true });
  const change = (part: Parameters<typeof outcomes.write>[1]) => {
    outcomes.write(draft, part);
    if (call !== null) write(undefined);
  };
  return (
    <Stack gap="xs">
      <Textarea
        label="Notes"
        rows={4}
        resize="vertical"
        maxLength={NOTES_LENGTH_MAX}
        value={written.notes}
        onChange={(event) => change({ notes: event.currentTarget.value })}
      />
      {dispositions.length > 0 && (
        <NativeSelect
          label="Disposition"
          data={[
            { value: "", label: "None yet" },
            ...dispositions.map((name) => ({ value: name, label: name })),
          ]}
          value={written.disposition ?? ""}
          onChange={(event) => change({ disposition: event.currentTarget.value || null })}
        />
      )}
      <Text size="xs" c={error ? "red" : "dimmed"} role={error ? "alert" : "status"}>
        {error ? "The notes are not saved yet; they are kept in this page." : isSuccess && "Saved"}
      </Text>
    </Stack>
  );
}
