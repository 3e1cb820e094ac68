import { useEffect } from "react";
import { type Call, Store, useSoftphone, useStore } from "../softphone/index.ts";
import { waitedWords } from "./agent-words.ts";
import { deskSettings } from "./desk-settings.ts";

/** Whether desktop notifications may be shown; `unsupported` where the browser has none. */
export type Permission = NotificationPermission | "unsupported";

export const permission = new Store<Permission>(
  "Notification" in globalThis ? Notification.permission : "unsupported",
);

/** Asks the person; browsers want a click for that. */
export async function askPermission(): Promise<void> {
  if (permission.get() !== "unsupported") permission.set(await Notification.requestPermission());
}

/** Tells of every call that rings on the desktop, and takes that back when it rings no more. */
export function useCallNotifications(nameOf: (number: string) => string | null): void {
  const { calls } = useSoftphone();
  const allowed = useStore(permission) === "granted";
  const { notifications } = useStore(deskSettings);
  const ringing = calls.find(({ phase }) => phase === "incoming");
  const id = ringing?.id ?? null;
  const title = ringing && `Call from ${nameOrNumber(ringing, nameOf)}`;
  const body = ringing && notificationBody(ringing);
  useEffect(() => {
    if (id === null || !title || !allowed || !notifications) return;
    const notification = notify(title, body ?? "", "offhook-call");
    return () => notification?.close();
  }, [id, title, body, allowed, notifications]);
}

/** Shows a desktop notification, which takes the place of an earlier one of the same tag. */
export function notify(title: string, body: string, tag: string): Notification | null {
  try {
    const options = { body, tag, requireInteraction: true, icon: "/favicon.svg" };
    const notification = new Notification(title, options);
    notification.onclick = () => {
      window.focus();
      notification.close();
    };
    return notification;
  } catch {
    // Some mobile browsers leave notifications to service workers; the page rings all the same.
    return null;
  }
}

/** Which queue, and how long the caller has waited. */
export function notificationBody({ queue, number }: Call): string {
  if (!queue) return number;
  const waited = queue.waitedSeconds > 0 ? `, ${waitedWords(queue)}` : "";
  return queue.callback
    ? `Call ${queue.callback} back for ${queue.name}${waited}`
    : `${number} for ${queue.name}${waited}`;
}

function nameOrNumber({ name, number }: Call, nameOf: (number: string) => string | null): string {
  return name ?? nameOf(number) ?? number;
}
