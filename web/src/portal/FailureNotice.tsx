import { Alert, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { Failure } from "../softphone/failure.ts";
import classes from "./FailureNotice.module.css";

/** Why something did not work and what to do, spoken at once by screen readers. */
export function FailureNotice({
  failure,
  subject,
  onClose,
  action,
}: {
  failure: Failure;
  /** What it was about, for example the number that was called. */
  subject?: string;
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
      {subject && (
        <Text size="sm" fw={600} className={classes.subject}>
          {subject}
        </Text>
      )}
      <Text size="sm">{failure.advice}</Text>
      {failure.detail && (
        <Text size="xs" mt={4} className={classes.detail}>
          The server says: {failure.detail}
          {failure.sipCode ? ` (${failure.sipCode})` : ""}
        </Text>
      )}
      {action}
    </Alert>
  );
}
