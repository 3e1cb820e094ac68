import {
  Button,
  Fieldset,
  Group,
  NativeSelect,
  SegmentedControl,
  Slider,
  Stack,
  Switch,
  Text,
  useMantineColorScheme,
} from "@mantine/core";
import { useEffect, useState } from "react";
import { AudioChoices } from "../portal/AudioSettings.tsx";
import {
  CallTones,
  RING_SOUNDS,
  type RingSound,
  ring,
  setRing,
  useSoftphone,
  useStore,
} from "../softphone/index.ts";
import { askPermission, permission } from "./call-notifications.ts";
import { DeskDialog } from "./DeskDialog.tsx";
import { useScreenPop } from "./desk-queries.ts";
import { deskSettings, setDeskSettings } from "./desk-settings.ts";

const RING_NAMES: Record<RingSound, string> = {
  classic: "Classic",
  soft: "Soft",
  bright: "Bright",
  silent: "Silent",
};

/** Devices, ringing, notifications and colours of this browser. */
export function DeskSettingsDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { audio } = useSoftphone();
  return (
    <DeskDialog title="Settings" opened={opened} onClose={onClose}>
      <Stack gap="md">
        <Fieldset legend="Sound and keys">
          <AudioChoices audio={audio} />
        </Fieldset>
        <Fieldset legend="When a call comes in">
          <Stack gap="sm">
            <RingChoice />
            <NotificationChoice />
            <ScreenPopChoice />
          </Stack>
        </Fieldset>
        <Fieldset legend="While a caller is on hold">
          <HoldReminderChoice />
        </Fieldset>
        <Fieldset legend="Colours">
          <ColourChoice />
        </Fieldset>
      </Stack>
    </DeskDialog>
  );
}

function RingChoice() {
  const { sound, volume } = useStore(ring);
  const [tones] = useState(() => new CallTones());
  useEffect(() => () => tones.stop(), [tones]);
  return (
    <>
      <Group align="end" gap="xs" wrap="nowrap">
        <NativeSelect
          label="Ring tone"
          flex={1}
          data={RING_SOUNDS.map((value) => ({ value, label: RING_NAMES[value] }))}
          value={sound}
          onChange={(event) => setRing({ sound: event.currentTarget.value as RingSound })}
        />
        <Button variant="default" disabled={sound === "silent"} onClick={() => tones.tryRing()}>
          Try it
        </Button>
      </Group>
      <div>
        <Text size="sm" fw={500} id="ring-volume">
          Ring volume
        </Text>
        <Slider
          min={0}
          max={100}
          step={5}
          label={(value) => `${value} %`}
          thumbProps={{ "aria-labelledby": "ring-volume" }}
          disabled={sound === "silent"}
          value={Math.round(volume * 100)}
          onChange={(value) => setRing({ volume: value / 100 })}
        />
      </div>
    </>
  );
}

function NotificationChoice() {
  const may = useStore(permission);
  const { notifications } = useStore(deskSettings);
  if (may === "default") {
    return (
      <Button variant="default" onClick={() => void askPermission()}>
        Allow desktop notifications
      </Button>
    );
  }
  const denied = may === "denied";
  return (
    <Switch
      label="Desktop notification"
      description={
        denied
          ? "This browser does not allow them for this page; change that in its address bar."
          : "Tells of a call while another window is in front."
      }
      disabled={may !== "granted"}
      checked={may === "granted" && notifications}
      onChange={(event) => setDeskSettings({ notifications: event.currentTarget.checked })}
    />
  );
}

function ScreenPopChoice() {
  const { data: template } = useScreenPop();
  const { opensScreenPop } = useStore(deskSettings);
  if (!template) return null;
  return (
    <Switch
      label="Open the customer’s page by itself"
      description="When you answer. The browser has to allow pop-ups for this page."
      checked={opensScreenPop}
      onChange={(event) => setDeskSettings({ opensScreenPop: event.currentTarget.checked })}
    />
  );
}

function HoldReminderChoice() {
  const { holdReminderSeconds } = useStore(deskSettings);
  return (
    <NativeSelect
      label="Remind me after"
      data={[
        { value: "60", label: "1 minute" },
        { value: "120", label: "2 minutes" },
        { value: "300", label: "5 minutes" },
        { value: "0", label: "Never" },
      ]}
      value={String(holdReminderSeconds)}
      onChange={(event) =>
        setDeskSettings({ holdReminderSeconds: Number(event.currentTarget.value) })
      }
    />
  );
}

function ColourChoice() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <SegmentedControl
      fullWidth
      aria-label="Colours"
      data={[
        { value: "auto", label: "System" },
        { value: "light", label: "Light" },
        { value: "dark", label: "Dark" },
      ]}
      value={colorScheme}
      onChange={(value) => setColorScheme(value as typeof colorScheme)}
    />
  );
}
