import { Button, Group, Loader, Stack, Title } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useCallback, useEffect, useState } from "react";
import {
  type CallRecord,
  callHistory,
  type Health,
  health,
  signOut,
  wasSignedIn,
} from "../api/client.ts";
import { Problem } from "../api/problem.ts";
import { FailureNotice } from "../portal/FailureNotice.tsx";
import { PortalShell } from "../portal/PortalShell.tsx";
import { SignIn } from "../portal/SignIn.tsx";
import { type Failure, failureFromApi } from "../softphone/failure.ts";
import { CallTable } from "./CallTable.tsx";
import { HealthPanel } from "./HealthPanel.tsx";

const RECENT_CALLS = 50;
const REFRESH_INTERVAL_MS = 10_000;

interface Overview {
  calls: CallRecord[];
  health: Health;
}

/** Sign-in, the health of the system and the recent calls. */
export function AdminApp() {
  const [signedOut, setSignedOut] = useState(() => !wasSignedIn());
  const [overview, setOverview] = useState<Overview | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const load = useCallback(async () => {
    try {
      const [calls, state] = await Promise.all([callHistory(RECENT_CALLS), health()]);
      setOverview({ calls, health: state });
      setFailure(null);
      setSignedOut(false);
    } catch (reason) {
      if (reason instanceof Problem && reason.status === 401) setSignedOut(true);
      else setFailure(failureFromApi(reason));
    }
  }, []);
  useEffect(() => {
    if (signedOut) return;
    void load();
    const timer = setInterval(() => void load(), REFRESH_INTERVAL_MS);
    return () => clearInterval(timer);
  }, [load, signedOut]);
  const leave = async () => {
    // Signing out must work without a network too: the cookie then simply runs out.
    await signOut().catch(() => undefined);
    setOverview(null);
    setSignedOut(true);
  };
  if (signedOut) {
    return (
      <PortalShell portal="Administration">
        <SignIn title="Administration" onSignedIn={() => setSignedOut(false)} />
      </PortalShell>
    );
  }
  return (
    <PortalShell
      portal="Administration"
      size={1320}
      tools={
        <Button variant="default" size="compact-md" onClick={() => void leave()}>
          Sign out
        </Button>
      }
    >
      <Stack gap="lg">
        {failure && <FailureNotice failure={failure} />}
        {overview && <HealthPanel health={overview.health} />}
        <Group justify="space-between">
          <Title order={1} size="h3">
            Recent calls
          </Title>
          <Button
            variant="default"
            size="compact-md"
            leftSection={<IconRefresh size={16} aria-hidden />}
            onClick={() => void load()}
          >
            Refresh
          </Button>
        </Group>
        {overview ? (
          <CallTable calls={overview.calls} />
        ) : (
          !failure && <Loader aria-label="Loading" />
        )}
      </Stack>
    </PortalShell>
  );
}
