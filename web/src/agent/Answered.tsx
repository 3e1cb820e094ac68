import { Loader, Text } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { FailureNotice } from "../portal/FailureNotice.tsx";
import { pageFailure } from "../portal/words.ts";
import { failureFromApi } from "../softphone/index.ts";

/** What a question to the server gave: the answer, that there is nothing, why there is no answer, or a wait. */
export function Answered<T>({
  query,
  nothing,
  children,
}: {
  query: UseQueryResult<T[]>;
  /** What an empty list says. */
  nothing: string;
  children: (answer: T[]) => ReactNode;
}) {
  const { data, error } = query;
  const notice = error && <FailureNotice failure={pageFailure(failureFromApi(error))} />;
  if (!data) return notice || <Loader aria-label="Loading" />;
  return (
    <>
      {notice}
      {data.length === 0 ? <Text c="dimmed">{nothing}</Text> : children(data)}
    </>
  );
}
