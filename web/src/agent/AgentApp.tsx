import { Button, Stack, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { signOut, wasSignedIn } from "../api/client.ts";
import { AudioSettings } from "../portal/AudioSettings.tsx";
import { ConnectionBadge } from "../portal/ConnectionBadge.tsx";
import { Phone } from "../portal/Phone.tsx";
import { PortalShell } from "../portal/PortalShell.tsx";
import { SignIn } from "../portal/SignIn.tsx";
import { useSoftphone } from "../softphone/index.ts";

/** Sign-in and the telephone of the person's own extension. */
export function AgentApp() {
  const [signedIn, setSignedIn] = useState(wasSignedIn);
  if (signedIn) return <AgentPhone onSignedOut={() => setSignedIn(false)} />;
  return (
    <PortalShell portal="Agent">
      <SignIn title="Agent sign-in" onSignedIn={() => setSignedIn(true)} />
    </PortalShell>
  );
}

function AgentPhone({ onSignedOut }: { onSignedOut: () => void }) {
  const { softphone, connection } = useSoftphone();
  useEffect(() => {
    softphone.start();
    return () => softphone.stop();
  }, [softphone]);
  const expired = connection.phase === "waiting" && connection.failure?.kind === "unauthorised";
  useEffect(() => {
    if (expired) onSignedOut();
  }, [expired, onSignedOut]);
  const leave = async () => {
    softphone.stop();
    // Signing out must work without a network too: the cookie then simply runs out.
    await signOut().catch(() => undefined);
    onSignedOut();
  };
  return (
    <PortalShell
      portal="Agent"
      tools={
        <>
          <ConnectionBadge registers />
          <AudioSettings />
          <Button variant="default" size="compact-md" h={34} onClick={() => void leave()}>
            Sign out
          </Button>
        </>
      }
    >
      <Stack align="center">
        <Phone nameOf={() => null} />
        {connection.identity && (
          <Text c="dimmed" size="sm" ta="center">
            Calls to {connection.identity.username} ring here while this page is open.
          </Text>
        )}
      </Stack>
    </PortalShell>
  );
}
