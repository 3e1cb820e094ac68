// A menu while it is being edited: its options are a list, since two may have the same keys meanwhile.
import type { Menu, MenuAction, Target } from "../api/menus.ts";

export interface OptionDraft {
  /** Tells the row from others. */
  row: number;
  keys: string;
  action: MenuAction;
}

export interface MenuDraft extends Omit<Menu, "options"> {
  isNew: boolean;
  options: OptionDraft[];
}

const HANG_UP: Target = { kind: "hang_up" };

export function newDraft(): MenuDraft {
  return {
    isNew: true,
    id: "",
    display_name: "",
    greeting: "tts:",
    barge_in: true,
    invalid: null,
    timeout: null,
    timeout_ms: 5000,
    inter_digit_ms: 2500,
    invalid_retries: 3,
    timeout_retries: 3,
    failure: HANG_UP,
    options: [{ row: 0, keys: "1", action: { action: "repeat" } }],
    hours: null,
  };
}

export function draftOf(menu: Menu): MenuDraft {
  const options = Object.entries(menu.options).map(([keys, action], row) => ({
    row,
    keys,
    action,
  }));
  return { ...menu, isNew: false, options };
}

/** The menu, or why it is none: an object cannot have the same keys twice. */
export function menuOf(draft: MenuDraft): Menu | { twice: string } {
  const { isNew: _, options, ...rest } = draft;
  const twice = options.find(({ keys }, at) =>
    options.slice(0, at).some((other) => other.keys === keys),
  );
  if (twice) return { twice: twice.keys };
  return {
    ...rest,
    options: Object.fromEntries(options.map(({ keys, action }) => [keys, action])),
  };
}

export function addOption(draft: MenuDraft): MenuDraft {
  const row = Math.max(-1, ...draft.options.map((option) => option.row)) + 1;
  const used = new Set(draft.options.map((option) => option.keys));
  const keys = [..."1234567890*#"].find((key) => !used.has(key)) ?? "";
  return { ...draft, options: [...draft.options, { row, keys, action: { action: "repeat" } }] };
}

/** What an action is when it is chosen anew. */
export function emptyAction(action: MenuAction["action"]): MenuAction {
  switch (action) {
    case "go_to":
      return { action, parameters: { kind: "extension", to: "" } };
    case "say":
      return { action, parameters: "tts:" };
    case "dial_extension":
      return { action, parameters: { prompt: null, digits_max: 4 } };
    case "collect":
      return {
        action,
        parameters: {
          prompt: "tts:",
          variable: "digits",
          digits_min: 1,
          digits_max: 10,
          webhook: "https://",
          otherwise: HANG_UP,
        },
      };
    case "back":
    case "repeat":
      return { action };
  }
}
