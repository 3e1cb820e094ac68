import { Button, Collapse, Group, Stack, Text, UnstyledButton } from "@mantine/core";
import {
  IconDialpad,
  IconMicrophone,
  IconMicrophoneOff,
  IconPhone,
  IconPhoneOff,
  IconPhoneOutgoing,
  IconPlayerPause,
  IconPlayerPlay,
  IconUser,
  IconVideo,
  IconVideoOff,
} from "@tabler/icons-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { type Call, type Softphone, useSoftphone, useStore } from "../softphone/index.ts";
import { Diagnostics } from "./Diagnostics.tsx";
import { FailureNotice } from "./FailureNotice.tsx";
import { Keypad } from "./Keypad.tsx";
import { LevelMeter } from "./LevelMeter.tsx";
import { letterKeys } from "./letter-keys.ts";
import classes from "./Phone.module.css";
import type { NameOf, PhoneParts } from "./Phone.tsx";
import { TransferDialog } from "./TransferDialog.tsx";
import { CALL_COLOUR, END_COLOUR } from "./theme.ts";
import { isTypedInto } from "./use-phone-keys.ts";
import { useSeconds } from "./use-seconds.ts";
import { VideoStage } from "./VideoStage.tsx";
import { callWords, clock } from "./words.ts";

export function CallPanel({
  call,
  nameOf,
  parts,
}: {
  call: Call;
  nameOf: NameOf;
  parts: PhoneParts;
}) {
  const { softphone, audio, connection } = useSoftphone();
  const letters = useStore(letterKeys);
  const panel = useRef<HTMLDivElement>(null);
  // The button that had the focus is gone; the keyboard goes on from here.
  const incoming = call.phase === "incoming";
  useEffect(() => {
    if (!incoming) panel.current?.focus();
  }, [incoming]);
  const notice = call.notice ?? call.transfer?.failure;
  const active = call.phase === "active";
  const dismiss = () => {
    softphone.dismissNotice();
    panel.current?.focus();
  };
  return (
    <Stack
      ref={panel}
      tabIndex={-1}
      gap="md"
      style={{ outline: "none" }}
      data-testid="call"
      data-phase={call.phase}
      data-number={call.number}
    >
      <Caller call={call} nameOf={nameOf} />
      {parts.Details && <parts.Details call={call} />}
      {(call.remoteVideo || call.ownVideo) && <VideoStage call={call} />}
      {notice && <FailureNotice failure={notice} onClose={dismiss} />}
      {active && connection.phase !== "connected" && (
        <Text size="sm" ta="center" c="dimmed" role="status">
          The connection to the server is being restored.
          {call.media !== "interrupted" && " You can keep talking."}
        </Text>
      )}
      {incoming ? (
        <AnswerButtons softphone={softphone} offersVideo={call.offersVideo} />
      ) : (
        <>
          <CallActions
            call={call}
            softphone={softphone}
            Transfer={parts.Transfer ?? TransferDialog}
          />
          <Button
            size="lg"
            color={END_COLOUR}
            fullWidth
            leftSection={<IconPhoneOff size={22} aria-hidden />}
            onClick={() => softphone.hangUp()}
          >
            {active ? "Hang up" : "Cancel"}
          </Button>
        </>
      )}
      {active && (
        <Stack gap="xs">
          <LevelMeter audio={audio} off={call.muted || call.hold !== "none"} />
          <Diagnostics softphone={softphone} interrupted={call.media === "interrupted"} />
          <Text size="xs" c="dimmed" ta="center" className={classes.hint}>
            {letters
              ? "Keys: digits are sent, M mutes, H holds, V camera"
              : "Keys: digits are sent"}
          </Text>
        </Stack>
      )}
    </Stack>
  );
}

function Caller({ call, nameOf }: { call: Call; nameOf: NameOf }) {
  const seconds = useSeconds(call.answeredAt);
  const name = call.name ?? nameOf(call.number);
  return (
    <Stack align="center" gap={6} pt="xs">
      {!call.remoteVideo && !call.ownVideo && (
        <div className={classes.face} data-live={call.phase !== "active"} aria-hidden>
          <IconUser size={38} stroke={1.6} />
        </div>
      )}
      <div className={classes.name} data-testid="caller">
        {name ?? call.number}
      </div>
      {name && (
        <Text size="sm" c="dimmed">
          {call.number}
        </Text>
      )}
      <Group gap="xs" justify="center">
        <Text data-testid="call-words">{callWords(call)}</Text>
        {call.answeredAt !== null && (
          <Text className={classes.clock} role="timer" aria-label="Duration" data-testid="clock">
            {clock(seconds)}
          </Text>
        )}
      </Group>
    </Stack>
  );
}

function AnswerButtons({ softphone, offersVideo }: { softphone: Softphone; offersVideo: boolean }) {
  const answer = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // Whoever is writing goes on writing: the next key is not to answer.
    if (!isTypedInto(document.activeElement)) answer.current?.focus();
  }, []);
  return (
    <div className={classes.answer}>
      <Button
        size="lg"
        color={END_COLOUR}
        leftSection={<IconPhoneOff size={20} aria-hidden />}
        onClick={() => softphone.hangUp()}
      >
        Decline
      </Button>
      <Button
        ref={answer}
        size="lg"
        color={CALL_COLOUR}
        leftSection={<IconPhone size={20} aria-hidden />}
        onClick={() => void softphone.accept()}
      >
        Answer
      </Button>
      {offersVideo && (
        <Button
          size="md"
          variant="default"
          px="xs"
          className={classes.whole}
          leftSection={<IconVideo size={20} aria-hidden />}
          onClick={() => void softphone.accept(true)}
        >
          Answer with camera
        </Button>
      )}
    </div>
  );
}

function CallActions({
  call,
  softphone,
  Transfer,
}: {
  call: Call;
  softphone: Softphone;
  Transfer: NonNullable<PhoneParts["Transfer"]>;
}) {
  const [keypad, setKeypad] = useState(false);
  const [transfer, setTransfer] = useState(false);
  const active = call.phase === "active";
  const held = call.hold === "held" || call.hold === "resuming";
  const transferring = call.transfer !== null && call.transfer.failure === null;
  return (
    <>
      <div className={classes.actions}>
        <Action
          label={call.muted ? "Unmute" : "Mute"}
          pressed={call.muted}
          onClick={() => softphone.toggleMute()}
        >
          {call.muted ? <IconMicrophoneOff aria-hidden /> : <IconMicrophone aria-hidden />}
        </Action>
        <Action
          label={held ? "Resume" : "Hold"}
          pressed={held}
          disabled={!active || call.hold === "holding" || call.hold === "resuming"}
          onClick={() => void softphone.toggleHold()}
        >
          {held ? <IconPlayerPlay aria-hidden /> : <IconPlayerPause aria-hidden />}
        </Action>
        <Action
          label="Camera"
          pressed={call.camera === "on" || call.camera === "stopping"}
          disabled={!active || call.camera === "starting" || call.camera === "stopping"}
          onClick={() => void softphone.toggleCamera()}
        >
          {call.camera === "on" ? <IconVideo aria-hidden /> : <IconVideoOff aria-hidden />}
        </Action>
        <Action label="Keypad" expanded={keypad} onClick={() => setKeypad(!keypad)}>
          <IconDialpad aria-hidden />
        </Action>
        <Action
          label="Transfer"
          disabled={!active || transferring}
          onClick={() => setTransfer(true)}
        >
          <IconPhoneOutgoing aria-hidden />
        </Action>
      </div>
      {call.digits !== "" && (
        <div className={classes.digits} data-testid="digits">
          {call.digits}
        </div>
      )}
      <Collapse expanded={keypad}>
        <Keypad label="Keypad for this call" onKey={(key) => softphone.sendDigit(key)} />
      </Collapse>
      <Transfer
        opened={transfer}
        onClose={() => setTransfer(false)}
        onTransfer={(number) => void softphone.transfer(number)}
      />
    </>
  );
}

function Action({
  label,
  pressed,
  expanded,
  disabled = false,
  onClick,
  children,
}: {
  label: string;
  pressed?: boolean;
  expanded?: boolean;
  disabled?: boolean;
  onClick: () => void;
  children: ReactNode;
}) {
  return (
    <UnstyledButton
      type="button"
      className={classes.action}
      aria-pressed={pressed}
      aria-expanded={expanded}
      disabled={disabled}
      onClick={onClick}
    >
      {children}
      <span>{label}</span>
    </UnstyledButton>
  );
}
