// The IVR menus of the API.
import { request } from "./request.ts";

export const TARGET_KINDS = [
  "queue",
  "menu",
  "extension",
  "number",
  "room",
  "voicemail",
  "play",
  "hang_up",
] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];
/** Where a caller is sent; `hang_up` has no `to`. */
export interface Target {
  kind: TargetKind;
  to?: string;
}

export interface Collect {
  prompt: string;
  variable: string;
  digits_min: number;
  digits_max: number;
  webhook: string;
  otherwise: Target;
}

export type MenuAction =
  | { action: "go_to"; parameters: Target }
  | { action: "say"; parameters: string }
  | { action: "back" }
  | { action: "repeat" }
  | { action: "dial_extension"; parameters: { prompt: string | null; digits_max: number } }
  | { action: "collect"; parameters: Collect };

export interface Opening {
  days: number[];
  from: string;
  until: string;
}

export interface Hours {
  zone: string;
  open: Opening[];
  holidays: string[];
  closed: Target;
}

export interface Menu {
  id: string;
  display_name: string;
  greeting: string;
  barge_in: boolean;
  invalid: string | null;
  timeout: string | null;
  timeout_ms: number;
  inter_digit_ms: number;
  invalid_retries: number;
  timeout_retries: number;
  failure: Target;
  options: Record<string, MenuAction>;
  hours: Hours | null;
}

const PATH = "/api/ivr/menus";

export async function menus(): Promise<Menu[]> {
  const page = await request("GET", `${PATH}?limit=1000`);
  return (page as { items: Menu[] }).items;
}

export async function saveMenu(menu: Menu, isNew: boolean): Promise<Menu> {
  const saved = isNew
    ? await request("POST", PATH, menu)
    : await request("PUT", `${PATH}/${encodeURIComponent(menu.id)}`, menu);
  return saved as Menu;
}

export async function deleteMenu(id: string): Promise<void> {
  await request("DELETE", `${PATH}/${encodeURIComponent(id)}`);
}
