import {
  Button,
  Fieldset,
  Group,
  NumberInput,
  Stack,
  Switch,
  Textarea,
  TextInput,
} from "@mantine/core";
import { type FormEvent, useState } from "react";
import { deleteMenu, type Menu, saveMenu } from "../api/menus.ts";
import { type FieldError, Problem } from "../api/problem.ts";
import { FailureNotice } from "../portal/FailureNotice.tsx";
import { type Failure, failureFromApi } from "../softphone/failure.ts";
import { MenuHours } from "./MenuHours.tsx";
import { MenuOptions } from "./MenuOptions.tsx";
import { type MenuDraft, menuOf } from "./menu-draft.ts";
import { TargetPicker } from "./TargetPicker.tsx";

/** One menu as a form. What the server refuses stands at the field that it names. */
export function MenuForm({
  draft: given,
  menus,
  onSaved,
  onDeleted,
  onCancel,
}: {
  draft: MenuDraft;
  menus: string[];
  onSaved: (menu: Menu) => void;
  onDeleted: (id: string) => void;
  onCancel: () => void;
}) {
  const [draft, setDraft] = useState(given);
  const { errors, failure, busy, attempt } = useAttempt();
  const set = (change: Partial<MenuDraft>) => setDraft({ ...draft, ...change });
  const errorOf = (field: string) => errors.find((one) => one.field === field)?.allowed ?? null;
  const others = menus.filter((id) => id !== draft.id);
  const save = (event: FormEvent) => {
    event.preventDefault();
    attempt(async () => {
      const menu = menuOf(draft);
      if ("twice" in menu) throw twice(menu.twice);
      onSaved(await saveMenu(menu, draft.isNew));
    });
  };
  const remove = () =>
    attempt(async () => {
      await deleteMenu(draft.id);
      onDeleted(draft.id);
    });
  const shared = { menus: others, errorOf };
  return (
    <form onSubmit={save} aria-label={draft.isNew ? "New menu" : `Menu ${draft.id}`} noValidate>
      <Stack gap="md">
        {failure && <FailureNotice failure={failure} />}
        <General draft={draft} set={set} errorOf={errorOf} />
        <Fieldset legend="Options">
          <MenuOptions draft={draft} onChange={setDraft} {...shared} />
        </Fieldset>
        <Fieldset legend="After too many wrong keys or silences">
          <TargetPicker
            label="After too many"
            target={draft.failure}
            menus={others}
            error={errorOf("failure.to")}
            onChange={(target) => set({ failure: target })}
          />
        </Fieldset>
        <Fieldset legend="Hours">
          <MenuHours hours={draft.hours} onChange={(hours) => set({ hours })} {...shared} />
        </Fieldset>
        <Group>
          <Button type="submit" loading={busy}>
            Save
          </Button>
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
          {!draft.isNew && (
            <Button variant="subtle" color="red" disabled={busy} onClick={remove}>
              Delete
            </Button>
          )}
        </Group>
      </Stack>
    </form>
  );
}

function General({
  draft,
  set,
  errorOf,
}: {
  draft: MenuDraft;
  set: (change: Partial<MenuDraft>) => void;
  errorOf: (field: string) => string | null;
}) {
  const count = (
    name: "timeout_ms" | "inter_digit_ms" | "invalid_retries" | "timeout_retries",
    label: string,
  ) => (
    <NumberInput
      label={label}
      value={draft[name]}
      onChange={(value) => set({ [name]: Number(value) })}
      error={errorOf(name)}
    />
  );
  const words = (name: "invalid" | "timeout", label: string) => (
    <TextInput
      label={label}
      placeholder="spoken words"
      value={draft[name] ?? ""}
      onChange={(event) => set({ [name]: event.currentTarget.value || null })}
      error={errorOf(name)}
    />
  );
  return (
    <>
      {draft.isNew && (
        <TextInput
          label="Name"
          description="Small letters and digits; it does not change later"
          value={draft.id}
          onChange={(event) => set({ id: event.currentTarget.value })}
          error={errorOf("id")}
        />
      )}
      <TextInput
        label="Shown as"
        value={draft.display_name}
        onChange={(event) => set({ display_name: event.currentTarget.value })}
        error={errorOf("display_name")}
      />
      <Textarea
        label="Greeting"
        description="tts:words, file:name or another prompt; the options in words when empty"
        rows={3}
        value={draft.greeting}
        onChange={(event) => set({ greeting: event.currentTarget.value })}
        error={errorOf("greeting")}
      />
      <Switch
        label="Keys interrupt what is played"
        checked={draft.barge_in}
        onChange={(event) => set({ barge_in: event.currentTarget.checked })}
      />
      <Group grow align="flex-start">
        {words("invalid", "After a wrong key")}
        {words("timeout", "After silence")}
      </Group>
      <Group grow align="flex-start">
        {count("timeout_ms", "Time for the first key, ms")}
        {count("inter_digit_ms", "For each further one, ms")}
        {count("invalid_retries", "Wrong keys forgiven")}
        {count("timeout_retries", "Silences forgiven")}
      </Group>
    </>
  );
}

function twice(keys: string): Problem {
  const errors = [{ field: `options.${keys}`, allowed: "keys that no other option has" }];
  return new Problem(422, "A value is not allowed", null, "about:blank", null, errors);
}

/** Does something with the server, and tells what it refuses by field, or as a whole. */
function useAttempt() {
  const [errors, setErrors] = useState<FieldError[]>([]);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const attempt = (act: () => Promise<void>) => {
    setBusy(true);
    setErrors([]);
    setFailure(null);
    act()
      .catch((error: unknown) => {
        const named = error instanceof Problem ? error.errors : [];
        setErrors(named);
        if (named.length === 0) setFailure(failureFromApi(error));
      })
      .finally(() => setBusy(false));
  };
  return { errors, failure, busy, attempt };
}
