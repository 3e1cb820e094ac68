import { Alert, Badge, Button, Group, Loader, Stack, Text } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useRef, useState } from "react";
import {
  type CallRecord,
  type Recording,
  type RecordingMark,
  recordingAudio,
  recordingsOf,
} from "../api/client.ts";
import { failureFromApi } from "../softphone/failure.ts";
import { pageFailure } from "./words.ts";

type Known = { kind: "closed" } | { kind: "loading" } | { kind: "failed"; why: string } | Found;
type Found = { kind: "found"; recordings: Recording[] };

/** The recordings of a call, fetched when somebody wants to hear them. */
export function CallRecordings({ call }: { call: CallRecord }) {
  const [known, setKnown] = useState<Known>({ kind: "closed" });
  const open = async () => {
    setKnown({ kind: "loading" });
    try {
      setKnown({ kind: "found", recordings: await recordingsOf(call.id) });
    } catch (error) {
      setKnown({ kind: "failed", why: pageFailure(failureFromApi(error)).title });
    }
  };
  if (known.kind === "loading") return <Loader size="sm" aria-label="Loading the recordings" />;
  if (known.kind === "found") return <Recordings recordings={known.recordings} />;
  const count = call.recordings.length;
  return (
    <Group gap="sm">
      <Button
        variant="default"
        size="compact-sm"
        leftSection={<IconPlayerPlay size={14} aria-hidden />}
        onClick={() => void open()}
      >
        {count === 1 ? "Recording" : `${count} recordings`}
      </Button>
      {known.kind === "failed" && (
        <Text size="sm" c="red" role="alert">
          The recordings could not be fetched. {known.why}
        </Text>
      )}
    </Group>
  );
}

function Recordings({ recordings }: { recordings: Recording[] }) {
  if (recordings.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        The recordings of this call were deleted.
      </Text>
    );
  }
  return (
    <Stack gap="sm">
      {recordings.map((recording, index) => (
        <Player key={recording.id} recording={recording} number={index + 1} />
      ))}
    </Stack>
  );
}

function Player({ recording, number }: { recording: Recording; number: number }) {
  const audio = useRef<HTMLAudioElement>(null);
  const [cannotPlay, setCannotPlay] = useState(false);
  const seek = (seconds: number) => {
    if (audio.current) audio.current.currentTime = seconds;
  };
  return (
    <Stack gap={4}>
      <Group gap="sm">
        <audio
          ref={audio}
          controls
          preload="none"
          src={recordingAudio(recording.id)}
          aria-label={`Recording ${number}`}
          onError={() => setCannotPlay(true)}
        >
          <track kind="captions" />
        </audio>
        <Text size="sm" c="dimmed">
          {recording.seconds > 0 ? minutes(recording.seconds) : "length not known"}
        </Text>
        {recording.encrypted && <Badge variant="light">encrypted</Badge>}
        {recording.state !== "complete" && (
          <Badge variant="light" color="orange">
            {recording.state}
          </Badge>
        )}
      </Group>
      {cannotPlay && (
        <Alert color="red" variant="light" title="The recording cannot be played">
          Its file is missing or damaged, or the key that it was encrypted with is not there.
        </Alert>
      )}
      {recording.failure && (
        <Text size="sm" c="dimmed">
          It ended before its time: {recording.failure}.
        </Text>
      )}
      <Pauses marks={recording.marks} seek={seek} />
    </Stack>
  );
}

/** Where the recording is silent on purpose; each leads to its place. */
function Pauses({ marks, seek }: { marks: RecordingMark[]; seek: (seconds: number) => void }) {
  const pauses = pausesOf(marks);
  if (pauses.length === 0) return null;
  return (
    <Group gap="xs">
      <Text size="sm" c="dimmed">
        Paused
      </Text>
      {pauses.map(({ from, to }) => (
        <Button
          key={from}
          variant="subtle"
          size="compact-xs"
          onClick={() => seek(to ?? from)}
          title="Goes on behind the pause"
        >
          {minutes(from)} – {to === null ? "end" : minutes(to)}
        </Button>
      ))}
    </Group>
  );
}

/** The marks in pairs; a pause that was never resumed lasts until the end. */
export function pausesOf(marks: RecordingMark[]): { from: number; to: number | null }[] {
  return marks
    .map((mark, index) => ({ mark, next: marks[index + 1] }))
    .filter(({ mark }) => mark.kind === "pause")
    .map(({ mark, next }) => ({ from: mark.seconds, to: next?.seconds ?? null }));
}

/** 83.4 seconds as 1:23. */
export function minutes(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
