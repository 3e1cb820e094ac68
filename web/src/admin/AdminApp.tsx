import { Button, Group, Loader, Stack, Tabs, Text, Title } from "@mantine/core";
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
import { FailureNotice } from "../portal/FailureNotice.tsx";
import { PortalShell } from "../portal/PortalShell.tsx";
import { SignIn } from "../portal/SignIn.tsx";
import { SignOutButton } from "../portal/SignOutButton.tsx";
import { pageFailure, signedOutFailure } from "../portal/words.ts";
import { type Failure, failureFromApi } from "../softphone/failure.ts";
import { CallTable } from "./CallTable.tsx";
import { HealthPanel } from "./HealthPanel.tsx";
import { MenusPage } from "./MenusPage.tsx";

const RECENT_CALLS = 50;
const REFRESH_INTERVAL_MS = 10_000;

interface Overview {
  calls: CallRecord[];
  health: Health;
  at: Date;
}

/** Sign-in, the health of the system and the recent calls. */
export function AdminApp() {
  const [signedOut, setSignedOut] = useState(() => !wasSignedIn());
  const [reason, setReason] = useState<Failure | null>(null);
  const onSignedOut = useCallback((why: Failure | null) => {
    setReason(why && signedOutFailure(why));
    setSignedOut(true);
  }, []);
  if (!signedOut) return <Administration onSignedOut={onSignedOut} />;
  return (
    <PortalShell portal="Administration">
      <SignIn title="Administration" reason={reason} onSignedIn={() => setSignedOut(false)} />
    </PortalShell>
  );
}

function Administration({ onSignedOut }: { onSignedOut: (why: Failure | null) => void }) {
  const { overview, failure, busy, load } = useOverview(onSignedOut);
  const leave = async () => {
    // Signing out must work without a network too: the cookie then simply runs out.
    await signOut().catch(() => undefined);
    onSignedOut(null);
  };
  return (
    <PortalShell
      portal="Administration"
      size={1320}
      tools={<SignOutButton onClick={() => void leave()} />}
    >
      <Tabs defaultValue="calls" keepMounted={false}>
        <Tabs.List mb="lg">
          <Tabs.Tab value="calls">Calls</Tabs.Tab>
          <Tabs.Tab value="menus">Menus</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="calls">
          <Stack gap="lg">
            {failure && <FailureNotice failure={failure} />}
            {overview && !failure && <HealthPanel health={overview.health} />}
            <Group justify="space-between">
              <Title order={1} size="h3">
                Recent calls
              </Title>
              <Group gap="sm">
                {overview && (
                  <Text size="sm" c="dimmed">
                    As of {overview.at.toLocaleTimeString()}
                  </Text>
                )}
                <Button
                  variant="default"
                  size="sm"
                  h={34}
                  px="sm"
                  loading={busy}
                  leftSection={<IconRefresh size={16} aria-hidden />}
                  onClick={() => void load(true)}
                >
                  Refresh
                </Button>
              </Group>
            </Group>
            {overview ? (
              <CallTable calls={overview.calls} />
            ) : (
              !failure && <Loader aria-label="Loading" />
            )}
          </Stack>
        </Tabs.Panel>
        <Tabs.Panel value="menus">
          <MenusPage />
        </Tabs.Panel>
      </Tabs>
    </PortalShell>
  );
}

/** What the server tells, asked for again and again; `busy` while a person asked for it. */
function useOverview(onSignedOut: (why: Failure) => void) {
  const [overview, setOverview] = useState<Overview | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const load = useCallback(
    async (asked: boolean) => {
      setBusy(asked);
      try {
        const [calls, state] = await Promise.all([callHistory(RECENT_CALLS), health()]);
        setOverview({ calls, health: state, at: new Date() });
        setFailure(null);
      } catch (error) {
        const why = failureFromApi(error);
        if (why.kind === "unauthorised" || why.kind === "forbidden") onSignedOut(why);
        else setFailure(pageFailure(why));
      } finally {
        setBusy(false);
      }
    },
    [onSignedOut],
  );
  useEffect(() => {
    void load(false);
    const timer = setInterval(() => void load(false), REFRESH_INTERVAL_MS);
    return () => clearInterval(timer);
  }, [load]);
  return { overview, failure, busy, load };
}
