import { Store } from "../softphone/index.ts";

/** What an agent has chosen for this browser. */
export interface DeskSettings {
  /** Whether a desktop notification tells of a call. */
  notifications: boolean;
  /** Whether the screen pop opens by itself when a call is answered. */
  opensScreenPop: boolean;
  /** After how long on hold a caller is brought to mind, seconds; 0 for never. */
  holdReminderSeconds: number;
}

const KEY = "offhook.desk";
const USUAL: DeskSettings = {
  notifications: true,
  opensScreenPop: false,
  holdReminderSeconds: 120,
};

export const deskSettings = new Store<DeskSettings>(remembered());

export function setDeskSettings(part: Partial<DeskSettings>): void {
  deskSettings.patch(part);
  try {
    localStorage.setItem(KEY, JSON.stringify(deskSettings.get()));
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

function remembered(): DeskSettings {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<DeskSettings>;
    return {
      notifications: stored.notifications ?? USUAL.notifications,
      opensScreenPop: stored.opensScreenPop ?? USUAL.opensScreenPop,
      holdReminderSeconds: stored.holdReminderSeconds ?? USUAL.holdReminderSeconds,
    };
  } catch {
    return USUAL;
  }
}
