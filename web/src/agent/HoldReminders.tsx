import { Alert, Button, Group, Text } from "@mantine/core";
import { IconPlayerPause } from "@tabler/icons-react";
import { useEffect } from "react";
import { useSeconds } from "../portal/use-seconds.ts";
import { clock } from "../portal/words.ts";
import { type Call, useSoftphone, useStore } from "../softphone/index.ts";
import { notify, permission } from "./call-notifications.ts";
import { deskSettings } from "./desk-settings.ts";

type NameOf = (number: string) => string | null;

/** Brings those to mind who have been on hold for long. */
export function HoldReminders({ nameOf }: { nameOf: NameOf }) {
  const { calls } = useSoftphone();
  const { holdReminderSeconds } = useStore(deskSettings);
  if (holdReminderSeconds === 0) return null;
  return calls.map((call) => (
    <HoldReminder
      key={`${call.id} ${call.heldAt}`}
      call={call}
      name={call.name ?? nameOf(call.number) ?? call.number}
      afterSeconds={holdReminderSeconds}
    />
  ));
}

interface Reminder {
  call: Call;
  name: string;
  afterSeconds: number;
}

function HoldReminder({ call, name, afterSeconds }: Reminder) {
  const { softphone } = useSoftphone();
  const seconds = useSeconds(call.heldAt);
  const due = call.heldAt !== null && seconds >= afterSeconds;
  useDesktopReminder(due, name);
  if (!due) return null;
  return (
    <Alert
      color="orange"
      radius="lg"
      w="100%"
      styles={{ title: { color: "var(--mantine-color-text)" } }}
      icon={<IconPlayerPause aria-hidden />}
      title={`${name} is still on hold`}
      data-testid="hold-reminder"
    >
      <Group justify="space-between" gap="sm">
        {/* A clock that is read out each second would be of no help. */}
        <Text size="sm" aria-live="off">
          For {clock(seconds)}.
        </Text>
        <Button
          size="compact-sm"
          disabled={call.hold !== "held"}
          onClick={() => void softphone.switchTo(call.id)}
        >
          Take {name} back
        </Button>
      </Group>
    </Alert>
  );
}

/** Says it on the desktop too, for who looks at another window. */
function useDesktopReminder(due: boolean, name: string): void {
  const allowed = useStore(permission) === "granted";
  const { notifications } = useStore(deskSettings);
  useEffect(() => {
    if (!due || !allowed || !notifications) return;
    const shown = notify(`${name} is still on hold`, "", "offhook-hold");
    return () => shown?.close();
  }, [due, name, allowed, notifications]);
}
