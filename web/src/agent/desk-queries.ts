import {
  QueryCache,
  QueryClient,
  type QueryKey,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useCallback } from "react";
import {
  type Agent,
  activeCalls,
  agents,
  dispositions,
  notReadyReasons,
  queues,
  recentCalls,
  screenPop,
  voicemails,
} from "../api/desk.ts";
import { Problem } from "../api/problem.ts";
import { guestName } from "../portal/words.ts";
import { useDesk } from "./desk-context.ts";

/** How often is asked while no events come, and while they do. */
const POLL_MS = 5_000;
const POLL_LIVE_MS = 60_000;
/** Tries of a question that the server did not answer at all. */
const TRIES_MAX = 2;

/** What is asked of the server, by its name in the cache. */
export const KEYS = {
  agents: ["agents"],
  queues: ["queues"],
  activeCalls: ["active-calls"],
  history: ["history"],
  voicemails: ["voicemails"],
} as const;

export function createQueryClient(onUnauthorised: (reason: unknown) => void): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        if (error instanceof Problem && error.status === 401) onUnauthorised(error);
      },
    }),
    defaultOptions: {
      queries: {
        networkMode: "always",
        retry: (count, error) => !(error instanceof Problem) && count < TRIES_MAX,
        staleTime: 1_000,
      },
      mutations: { networkMode: "always" },
    },
  });
}

/** Something that is asked for again and again, if the server has it. */
function useLiveQuery<T>(queryKey: QueryKey, path: string, queryFn: () => Promise<T>) {
  const { offers, live } = useDesk();
  const refetchInterval = live === "live" ? POLL_LIVE_MS : POLL_MS;
  return useQuery({ queryKey, queryFn, enabled: offers(path), refetchInterval });
}

/** Something that hardly ever changes. */
function useSetting<T>(path: string, queryFn: () => Promise<T>) {
  const { offers } = useDesk();
  return useQuery({ queryKey: [path], queryFn, enabled: offers(path), staleTime: 300_000 });
}

export const useAgents = () => useLiveQuery(KEYS.agents, "/api/agents", agents);
export const useQueues = () => useLiveQuery(KEYS.queues, "/api/queues", queues);
export const useVoicemails = () => useLiveQuery(KEYS.voicemails, "/api/voicemails", voicemails);
export const useActiveCalls = () =>
  useLiveQuery(KEYS.activeCalls, "/api/calls/active", activeCalls);
export const useReasons = () => useSetting("/api/settings/not-ready-reasons", notReadyReasons);
export const useDispositions = () => useSetting("/api/settings/dispositions", dispositions);
export const useScreenPop = () => useSetting("/api/settings/screen-pop", screenPop);

export function useHistory(whose: "me" | "all") {
  return useLiveQuery([...KEYS.history, whose], "/api/calls/history", () => recentCalls(whose));
}

/** The agent that the person who is signed in is; null for who is none, or as long as it is not known. */
export function useOwnAgent(): Agent | null {
  const { me } = useDesk();
  const { data } = useAgents();
  return data?.find(({ username }) => username === me.username) ?? null;
}

/** Names of colleagues and of guests. */
export function useNameOf(): (number: string) => string | null {
  const { data } = useAgents();
  return useCallback(
    (number) =>
      data?.find(({ extension }) => extension === number)?.display_name ?? guestName(number),
    [data],
  );
}

/** Something that is done; what it may have changed is asked for anew. */
export function useDeed<Wanted, Result>(
  act: (wanted: Wanted) => Promise<Result>,
  ...changed: QueryKey[]
) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSettled: () =>
      Promise.all(changed.map((queryKey) => client.invalidateQueries({ queryKey }))).then(
        () => undefined,
      ),
  });
}
