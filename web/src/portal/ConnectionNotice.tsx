import { Button } from "@mantine/core";
import { failure, useSoftphone } from "../softphone/index.ts";
import { FailureNotice } from "./FailureNotice.tsx";
import { connectionFailure, isDown } from "./words.ts";

/** Says that no call can be made, for as long as that is so. */
export function ConnectionNotice() {
  const { softphone, connection } = useSoftphone();
  const refused = connection.phase === "connected" && connection.registration === "refused";
  if (!refused && !isDown(connection)) return null;
  const retry = !refused && (
    <Button
      mt="xs"
      size="compact-sm"
      variant="default"
      loading={connection.phase === "connecting"}
      onClick={() => softphone.connection.retryNow()}
    >
      Try now
    </Button>
  );
  const reason = connectionFailure(connection.failure ?? failure("disconnected"));
  return <FailureNotice failure={reason} action={retry} />;
}
