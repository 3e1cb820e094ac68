import {
  ActionIcon,
  Alert,
  Button,
  NativeSelect,
  Popover,
  Stack,
  Switch,
  Text,
  Tooltip,
} from "@mantine/core";
import { IconHeadset } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { type AudioDevices, useSoftphone, useStore } from "../softphone/index.ts";
import { LevelMeter } from "./LevelMeter.tsx";
import { letterKeys, setLetterKeys } from "./letter-keys.ts";

/** Microphone and speaker choice with a level meter; also during a call. */
export function AudioSettings() {
  const [opened, setOpened] = useState(false);
  const { audio } = useSoftphone();
  return (
    <Popover
      opened={opened}
      onChange={setOpened}
      position="bottom-end"
      width="min(340px, calc(100vw - 2rem))"
      shadow="md"
      trapFocus
      returnFocus
      withinPortal
    >
      <Popover.Target>
        <Tooltip label="Microphone and speaker" disabled={opened}>
          <ActionIcon
            variant="default"
            size="lg"
            aria-label="Microphone and speaker"
            onClick={() => setOpened(!opened)}
          >
            <IconHeadset size={18} aria-hidden />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown aria-label="Microphone and speaker">
        <AudioChoices audio={audio} />
      </Popover.Dropdown>
    </Popover>
  );
}

/** The choices themselves, for a page that has more of them. */
export function AudioChoices({ audio }: { audio: AudioDevices }) {
  const state = useStore(audio.state);
  const letters = useStore(letterKeys);
  const choices = (devices: typeof state.microphones) => [
    { value: "default", label: "System default" },
    ...devices
      .filter((device) => device.id !== "default")
      .map((device) => ({ value: device.id, label: device.label })),
  ];
  return (
    <Stack gap="sm">
      <NativeSelect
        label="Microphone"
        data={choices(state.microphones)}
        value={state.microphoneId}
        onChange={(event) => void audio.setMicrophone(event.currentTarget.value)}
      />
      <MicrophoneTest audio={audio} open={state.microphoneOpen} />
      {state.failure && (
        <Alert color="red" title={state.failure.title} role="alert">
          {state.failure.advice}
        </Alert>
      )}
      {state.canChooseSpeaker && (
        <NativeSelect
          label="Speaker"
          data={choices(state.speakers)}
          value={state.speakerId}
          onChange={(event) => void audio.setSpeaker(event.currentTarget.value)}
        />
      )}
      <Switch
        label="Echo and noise suppression"
        description="Turn off for music or with measuring equipment."
        checked={state.processing}
        onChange={(event) => void audio.setProcessing(event.currentTarget.checked)}
      />
      <Switch
        label="Letter keys during a call"
        description="M mutes, H holds. Turn off when you speak to your computer."
        checked={letters}
        onChange={(event) => setLetterKeys(event.currentTarget.checked)}
      />
    </Stack>
  );
}

/** Opens the microphone only when asked; during a call it is open anyway. */
function MicrophoneTest({ audio, open }: { audio: AudioDevices; open: boolean }) {
  const [testing, setTesting] = useState(false);
  useEffect(() => {
    if (!testing) return;
    let current = true;
    const opened = audio.openMicrophone().then(
      () => true,
      () => {
        if (current) setTesting(false);
        return false;
      },
    );
    return () => {
      current = false;
      void opened.then((success) => success && audio.closeMicrophone());
    };
  }, [audio, testing]);
  if (!open) {
    return (
      <Button variant="light" size="compact-md" onClick={() => setTesting(true)}>
        Test the microphone
      </Button>
    );
  }
  return (
    <Stack gap={4}>
      <LevelMeter audio={audio} />
      <Text size="xs" c="dimmed">
        The bar moves when you speak.
      </Text>
    </Stack>
  );
}
