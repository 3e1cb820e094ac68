import { Alert, Text } from "@mantine/core";
import { IconVolumeOff } from "@tabler/icons-react";
import type { Verdict } from "../api/client.ts";

/** With a call in which somebody was not heard: who, what was seen and what to change. */
export function VerdictAlert({ verdict }: { verdict: Verdict }) {
  const party = verdict.leg === 0 ? "The caller" : "The called party";
  return (
    <Alert
      color="orange"
      variant="light"
      icon={<IconVolumeOff aria-hidden="true" />}
      title={`${party} was not heard: ${verdict.code.replaceAll("_", " ")}`}
    >
      <Text size="sm">{verdict.evidence}</Text>
      <Text size="sm" c="dimmed">
        {verdict.advice}
      </Text>
    </Alert>
  );
}
