import { NativeSelect, Stack, Text, Textarea } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { writeNotes } from "../api/desk.ts";
import { useStore } from "../softphone/index.ts";
import { useDeed, useDispositions } from "./desk-queries.ts";
import { outcomes } from "./outcomes.ts";

/** Rests of this length in typing are when the notes are written to the server. */
export const WRITE_AFTER_MS = 700;
export const NOTES_LENGTH_MAX = 4000;

/** Notes and disposition of a call, written to the server as they are made. */
export function OutcomeForm({ call }: { call: string }) {
  const written = useStore(outcomes.state).get(call) ?? outcomes.of(call);
  const { data: dispositions = [] } = useDispositions();
  const { mutate, error, isSuccess } = useDeed(() => writeNotes(call, outcomes.of(call)));
  const write = useDebouncedCallback(mutate, { delay: WRITE_AFTER_MS, flushOnUnmount: true });
  const change = (part: Parameters<typeof outcomes.write>[1]) => {
    outcomes.write(call, part);
    write(undefined);
  };
  return (
    <Stack gap="xs">
      <Textarea
        label="Notes"
        autosize
        minRows={3}
        maxRows={10}
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
