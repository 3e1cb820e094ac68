import { Center, Loader } from "@mantine/core";
import { QueryClientProvider, useQuery } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useMemo, useState } from "react";
import { me, signOut, wasSignedIn } from "../api/client.ts";
import { offeredPaths, setStatus } from "../api/desk.ts";
import { FailureNotice } from "../portal/FailureNotice.tsx";
import { PortalShell } from "../portal/PortalShell.tsx";
import { SignIn } from "../portal/SignIn.tsx";
import { pageFailure, signedOutFailure } from "../portal/words.ts";
import { type Failure, failureFromApi, useSoftphone } from "../softphone/index.ts";
import { Desk } from "./Desk.tsx";
import { DeskProvider, supervises } from "./desk-context.ts";
import { createQueryClient } from "./desk-queries.ts";
import { useLive } from "./use-live.ts";

/** After this long is asked again who has signed in, when the server did not say. */
const ASK_AGAIN_MS = 5_000;

/** Sign-in, and the desk of who has signed in. */
export function AgentApp() {
  const [signedIn, setSignedIn] = useState(wasSignedIn);
  const [reason, setReason] = useState<Failure | null>(null);
  const onSignedOut = useCallback((why: Failure | null) => {
    setReason(why && signedOutFailure(why));
    setSignedIn(false);
  }, []);
  if (signedIn) return <SignedInDesk onSignedOut={onSignedOut} />;
  return (
    <PortalShell portal="Agent">
      <SignIn title="Agent sign-in" reason={reason} onSignedIn={() => setSignedIn(true)} />
    </PortalShell>
  );
}

function SignedInDesk({ onSignedOut }: { onSignedOut: (why: Failure | null) => void }) {
  const { softphone, connection } = useSoftphone();
  const client = useMemo(
    () => createQueryClient((reason) => onSignedOut(failureFromApi(reason))),
    [onSignedOut],
  );
  useEffect(() => {
    softphone.start();
    return () => softphone.stop();
  }, [softphone]);
  const { phase, failure } = connection;
  const useless = failure?.kind === "unauthorised" || failure?.kind === "no-extension";
  useEffect(() => {
    if (phase === "waiting" && useless) onSignedOut(failure);
  }, [phase, useless, failure, onSignedOut]);
  const leave = async (agent: string | null) => {
    softphone.stop();
    // Signing out must work without a network too: the cookie then simply runs out.
    if (agent !== null) await setStatus(agent, "offline", null).catch(() => undefined);
    await signOut().catch(() => undefined);
    onSignedOut(null);
  };
  return (
    <QueryClientProvider client={client}>
      <KnownDesk>
        <Desk onLeave={(agent) => void leave(agent)} />
      </KnownDesk>
    </QueryClientProvider>
  );
}

/** Asks who has signed in and what the server can do, and follows its events. */
function KnownDesk({ children }: { children: ReactNode }) {
  const once = { staleTime: Number.POSITIVE_INFINITY, retry: false };
  const again = (query: { state: { error: unknown } }) =>
    query.state.error ? ASK_AGAIN_MS : false;
  const who = useQuery({ queryKey: ["me"], queryFn: me, refetchInterval: again, ...once });
  const paths = useQuery({
    queryKey: ["paths"],
    queryFn: offeredPaths,
    refetchInterval: again,
    ...once,
  });
  const offered = paths.data;
  const live = useLive(offered?.has("/api/events") ?? false);
  if (!who.data || !offered) return <Unknown error={who.error ?? paths.error} />;
  const desk = {
    me: who.data,
    supervisor: supervises(who.data),
    live,
    offers: (path: string) => offered.has(path),
  };
  return <DeskProvider value={desk}>{children}</DeskProvider>;
}

function Unknown({ error }: { error: unknown }) {
  return (
    <PortalShell portal="Agent">
      {error ? (
        <FailureNotice failure={pageFailure(failureFromApi(error))} />
      ) : (
        <Center>
          <Loader aria-label="Loading" />
        </Center>
      )}
    </PortalShell>
  );
}
