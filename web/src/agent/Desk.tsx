import { ActionIcon, Button, Paper, Text, Tooltip, VisuallyHidden } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconBell, IconKeyboard, IconSettings } from "@tabler/icons-react";
import { useCallback, useEffect, useState } from "react";
import { ConnectionBadge } from "../portal/ConnectionBadge.tsx";
import { Phone } from "../portal/Phone.tsx";
import { PortalShell } from "../portal/PortalShell.tsx";
import { SignOutButton } from "../portal/SignOutButton.tsx";
import { useSoftphone, useStore } from "../softphone/index.ts";
import { CallDetails } from "./CallDetails.tsx";
import { askPermission, permission, useCallNotifications } from "./call-notifications.ts";
import { callRefOf } from "./call-refs.ts";
import classes from "./Desk.module.css";
import { DeskSettingsDialog } from "./DeskSettingsDialog.tsx";
import { DeskTabs } from "./DeskTabs.tsx";
import { DeskTransferDialog } from "./DeskTransferDialog.tsx";
import { useDesk } from "./desk-context.ts";
import { useNameOf, useOwnAgent } from "./desk-queries.ts";
import { HoldReminders } from "./HoldReminders.tsx";
import { KeysDialog } from "./KeysDialog.tsx";
import { MissedCalls } from "./MissedCalls.tsx";
import { OtherCalls } from "./OtherCalls.tsx";
import { OutcomeForm } from "./OutcomeForm.tsx";
import { RingHint } from "./RingHint.tsx";
import { StatusControl } from "./StatusControl.tsx";
import { useDeskKeys } from "./use-desk-keys.ts";
import { WrapUpCard } from "./WrapUpCard.tsx";

const PARTS = { Details: CallDetails, Transfer: DeskTransferDialog };

/** The page of somebody who has signed in: status, calls, and what is beside them. */
export function Desk({ onLeave }: { onLeave: (agent: string | null) => void }) {
  const { calls } = useSoftphone();
  const agent = useOwnAgent();
  const narrow = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false });
  const status = agent && <StatusControl agent={agent} />;
  const inCall = calls.some(({ phase }) => phase === "active");
  return (
    <PortalShell
      portal="Agent"
      size={1680}
      tools={
        <>
          {!narrow && status}
          <ConnectionBadge registers />
          <DeskTools />
          <SignOutButton inCall={inCall} onClick={() => onLeave(agent?.id ?? null)} />
        </>
      }
    >
      <VisuallyHidden component="h1">Telephone</VisuallyHidden>
      <div className={classes.grid}>
        <div className={classes.calls}>
          {narrow && status}
          <Calls />
        </div>
        <div className={classes.panel}>
          <DeskTabs />
        </div>
      </div>
    </PortalShell>
  );
}

/** The telephone with what belongs to its calls. */
function Calls() {
  const { connection, call } = useSoftphone();
  const agent = useOwnAgent();
  const nameOf = useNameOf();
  useCallNotifications(nameOf);
  const wrapUp = useWrapUpCall();
  return (
    <>
      {agent && <MissedCalls agent={agent} />}
      {agent?.state === "acw" && <WrapUpCard agent={agent} call={wrapUp} />}
      <HoldReminders nameOf={nameOf} />
      <OtherCalls nameOf={nameOf} />
      <Phone nameOf={nameOf} parts={PARTS} />
      <CallNotes />
      {!call && connection.identity && <RingHint username={connection.identity.username} />}
      {!call && <NotificationHint />}
    </>
  );
}

/** Notes of the current call, once it is answered. */
function CallNotes() {
  const { calls, call } = useSoftphone();
  const { offers } = useDesk();
  const agent = useOwnAgent();
  const reference = call && callRefOf(call, calls, agent);
  if (!agent || !reference || call.phase !== "active") return null;
  if (call.consultFor !== null || !offers("/api/calls/{id}/notes")) return null;
  return (
    <Paper
      component="section"
      aria-label="Notes of this call"
      withBorder
      radius="lg"
      p="md"
      bg="var(--offhook-surface)"
      data-testid="notes"
    >
      <OutcomeForm key={reference} call={reference} draft={reference} />
    </Paper>
  );
}

/** The call after which is worked: the one that the server names, or the last that a queue offered. */
function useWrapUpCall(): string | null {
  const { calls } = useSoftphone();
  const agent = useOwnAgent();
  const [last, setLast] = useState<string | null>(null);
  const answered = calls.findLast(
    ({ phase, queue, callRef }) => phase === "active" && queue !== null && callRef !== null,
  );
  const reference = answered?.callRef ?? null;
  useEffect(() => {
    if (reference !== null) setLast(reference);
  }, [reference]);
  return agent?.call?.id ?? last;
}

function DeskTools() {
  const { softphone } = useSoftphone();
  const [opened, setOpened] = useState<"settings" | "keys" | null>(null);
  const close = () => setOpened(null);
  const onHelp = useCallback(() => setOpened("keys"), []);
  useDeskKeys(softphone, onHelp);
  return (
    <>
      <Tooltip label="Keys">
        <ActionIcon
          variant="default"
          size="lg"
          aria-label="Keys"
          visibleFrom="sm"
          onClick={() => setOpened("keys")}
        >
          <IconKeyboard size={18} aria-hidden />
        </ActionIcon>
      </Tooltip>
      <Tooltip label="Settings">
        <ActionIcon
          variant="default"
          size="lg"
          aria-label="Settings"
          onClick={() => setOpened("settings")}
        >
          <IconSettings size={18} aria-hidden />
        </ActionIcon>
      </Tooltip>
      <DeskSettingsDialog opened={opened === "settings"} onClose={close} />
      <KeysDialog opened={opened === "keys"} onClose={close} />
    </>
  );
}

/** Offers desktop notifications to who has not been asked yet. */
function NotificationHint() {
  const may = useStore(permission);
  if (may !== "default") return null;
  return (
    <Text component="div" size="sm" c="dimmed" ta="center">
      <Button
        variant="subtle"
        size="compact-sm"
        leftSection={<IconBell size={16} aria-hidden />}
        onClick={() => void askPermission()}
      >
        Tell me of calls on the desktop
      </Button>
    </Text>
  );
}
