import {
  ActionIcon,
  Button,
  Group,
  NativeSelect,
  NumberInput,
  Stack,
  TextInput,
} from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import type { Collect, MenuAction } from "../api/menus.ts";
import { addOption, emptyAction, type MenuDraft, type OptionDraft } from "./menu-draft.ts";
import { TargetPicker } from "./TargetPicker.tsx";

const ACTIONS: { value: MenuAction["action"]; label: string }[] = [
  { value: "go_to", label: "Go to" },
  { value: "say", label: "Play, then this menu" },
  { value: "back", label: "Back" },
  { value: "repeat", label: "Repeat" },
  { value: "dial_extension", label: "Dial an extension" },
  { value: "collect", label: "Collect digits, ask a webhook" },
];

/** What is allowed in a field that the server has refused. */
export type ErrorOf = (field: string) => string | null;

interface Shared {
  menus: string[];
  errorOf: ErrorOf;
}

/** The options, each in a row: keys, what they do, where they lead. */
export function MenuOptions({
  draft,
  onChange,
  ...shared
}: Shared & { draft: MenuDraft; onChange: (draft: MenuDraft) => void }) {
  const replace = (row: number, option: OptionDraft | null) =>
    onChange({
      ...draft,
      options: draft.options.flatMap((known) => {
        if (known.row !== row) return [known];
        return option ? [option] : [];
      }),
    });
  return (
    <Stack gap="sm">
      {draft.options.map((option) => (
        <OptionRow
          key={option.row}
          option={option}
          onChange={(changed) => replace(option.row, changed)}
          {...shared}
        />
      ))}
      <Button
        variant="default"
        leftSection={<IconPlus size={16} aria-hidden />}
        onClick={() => onChange(addOption(draft))}
        style={{ alignSelf: "flex-start" }}
      >
        Add an option
      </Button>
    </Stack>
  );
}

function OptionRow({
  option,
  onChange,
  ...shared
}: Shared & { option: OptionDraft; onChange: (option: OptionDraft | null) => void }) {
  const { keys, action } = option;
  const act = (changed: MenuAction) => onChange({ ...option, action: changed });
  return (
    <Group gap="xs" align="flex-start" role="group" aria-label={`Option ${keys}`}>
      <TextInput
        aria-label="Keys"
        w={90}
        value={keys}
        maxLength={8}
        onChange={(event) => onChange({ ...option, keys: event.currentTarget.value.trim() })}
        error={shared.errorOf(`options.${keys}`)}
      />
      <NativeSelect
        aria-label={`Action of ${keys}`}
        data={ACTIONS}
        value={action.action}
        onChange={(event) => act(emptyAction(event.currentTarget.value as MenuAction["action"]))}
      />
      <Parameters keys={keys} action={action} onChange={act} {...shared} />
      <ActionIcon
        variant="subtle"
        color="red"
        size="lg"
        aria-label={`Remove option ${keys}`}
        onClick={() => onChange(null)}
      >
        <IconTrash size={16} aria-hidden />
      </ActionIcon>
    </Group>
  );
}

function Parameters({
  keys,
  action,
  onChange,
  menus,
  errorOf,
}: Shared & { keys: string; action: MenuAction; onChange: (action: MenuAction) => void }) {
  const field = `options.${keys}.parameters`;
  switch (action.action) {
    case "go_to":
      return (
        <TargetPicker
          label={`Target of ${keys}`}
          target={action.parameters}
          menus={menus}
          error={errorOf(`${field}.to`)}
          onChange={(parameters) => onChange({ ...action, parameters })}
        />
      );
    case "say":
      return (
        <TextInput
          aria-label={`Prompt of ${keys}`}
          style={{ flex: 1 }}
          value={action.parameters}
          onChange={(event) => onChange({ ...action, parameters: event.currentTarget.value })}
          error={errorOf(field)}
        />
      );
    case "dial_extension":
      return (
        <NumberInput
          aria-label={`Most digits after ${keys}`}
          w={110}
          value={action.parameters.digits_max}
          onChange={(value) =>
            onChange({ ...action, parameters: { ...action.parameters, digits_max: Number(value) } })
          }
          error={errorOf(`${field}.digits_max`)}
        />
      );
    case "collect":
      return (
        <CollectFields
          keys={keys}
          collect={action.parameters}
          menus={menus}
          errorOf={errorOf}
          onChange={(parameters) => onChange({ ...action, parameters })}
        />
      );
    case "back":
    case "repeat":
      return null;
  }
}

function CollectFields({
  keys,
  collect,
  onChange,
  menus,
  errorOf,
}: Shared & { keys: string; collect: Collect; onChange: (collect: Collect) => void }) {
  const field = `options.${keys}.parameters`;
  const words = (name: "prompt" | "variable" | "webhook", label: string) => (
    <TextInput
      label={label}
      value={collect[name]}
      onChange={(event) => onChange({ ...collect, [name]: event.currentTarget.value })}
      error={errorOf(`${field}.${name}`)}
    />
  );
  const count = (name: "digits_min" | "digits_max", label: string) => (
    <NumberInput
      label={label}
      value={collect[name]}
      onChange={(value) => onChange({ ...collect, [name]: Number(value) })}
      error={errorOf(`${field}.${name}`)}
    />
  );
  return (
    <Stack gap="xs" style={{ flex: 1 }}>
      {words("prompt", "Prompt")}
      {words("variable", "Variable")}
      <Group grow align="flex-start">
        {count("digits_min", "At least")}
        {count("digits_max", "At most")}
      </Group>
      {words("webhook", "Webhook")}
      <TargetPicker
        label={`Without an answer after ${keys}`}
        target={collect.otherwise}
        menus={menus}
        error={errorOf(`${field}.otherwise.to`)}
        onChange={(otherwise) => onChange({ ...collect, otherwise })}
      />
    </Stack>
  );
}
