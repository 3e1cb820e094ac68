import { Stack, VisuallyHidden } from "@mantine/core";
import { useCallback, useEffect, useState } from "react";
import { signOut, wasSignedIn } from "../api/client.ts";
import { AudioSettings } from "../portal/AudioSettings.tsx";
import { ConnectionBadge } from "../portal/ConnectionBadge.tsx";
import { Phone } from "../portal/Phone.tsx";
import { PortalShell } from "../portal/PortalShell.tsx";
import { SignIn } from "../portal/SignIn.tsx";
import { SignOutButton } from "../portal/SignOutButton.tsx";
import { guestName, signedOutFailure } from "../portal/words.ts";
import { type Failure, useSoftphone } from "../softphone/index.ts";
import { RingHint } from "./RingHint.tsx";

/** Sign-in and the telephone of the person's own extension. */
export function AgentApp() {
  const [signedIn, setSignedIn] = useState(wasSignedIn);
  const [reason, setReason] = useState<Failure | null>(null);
  const onSignedOut = useCallback((why: Failure | null) => {
    setReason(why && signedOutFailure(why));
    setSignedIn(false);
  }, []);
  if (signedIn) return <AgentPhone onSignedOut={onSignedOut} />;
  return (
    <PortalShell portal="Agent">
      <SignIn title="Agent sign-in" reason={reason} onSignedIn={() => setSignedIn(true)} />
    </PortalShell>
  );
}

function AgentPhone({ onSignedOut }: { onSignedOut: (why: Failure | null) => void }) {
  const { softphone, connection, call } = useSoftphone();
  useEffect(() => {
    softphone.start();
    return () => softphone.stop();
  }, [softphone]);
  const { phase, failure } = connection;
  const useless = failure?.kind === "unauthorised" || failure?.kind === "no-extension";
  useEffect(() => {
    if (phase === "waiting" && useless) onSignedOut(failure);
  }, [phase, useless, failure, onSignedOut]);
  const leave = async () => {
    softphone.stop();
    // Signing out must work without a network too: the cookie then simply runs out.
    await signOut().catch(() => undefined);
    onSignedOut(null);
  };
  return (
    <PortalShell
      portal="Agent"
      tools={
        <>
          <ConnectionBadge registers />
          <AudioSettings />
          <SignOutButton inCall={call?.phase === "active"} onClick={() => void leave()} />
        </>
      }
    >
      <VisuallyHidden component="h1">Telephone</VisuallyHidden>
      <Stack align="center">
        <Phone nameOf={guestName} />
        {connection.identity && <RingHint username={connection.identity.username} />}
      </Stack>
    </PortalShell>
  );
}
