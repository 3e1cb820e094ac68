import { Alert, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { Failure } from "../softphone/failure.ts";

/** Why something did not work and what to do, spoken at once by screen readers. */
export function FailureNotice({
  failure,
  onClose,
  action,
}: {
  failure: Failure;
  onClose?: () => void;
  action?: ReactNode;
}) {
  return (
    <Alert
      role="alert"
      color="red"
      variant="light"
      icon={<IconAlertTriangle aria-hidden />}
      title={failure.title}
      withCloseButton={onClose !== undefined}
      closeButtonLabel="Dismiss"
      data-testid="failure"
      data-kind={failure.kind}
      {...(onClose ? { onClose } : {})}
    >
      <Text size="sm">{failure.advice}</Text>
      {failure.detail && (
        <Text size="xs" c="dimmed" mt={4}>
          The server says: {failure.detail}
          {failure.sipCode ? ` (${failure.sipCode})` : ""}
        </Text>
      )}
      {action}
    </Alert>
  );
}
