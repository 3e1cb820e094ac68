import { Button } from "@mantine/core";
import { failure, useSoftphone } from "../softphone/index.ts";
import { FailureNotice } from "./FailureNotice.tsx";
import { isDown } from "./words.ts";

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
  return <FailureNotice failure={connection.failure ?? failure("disconnected")} action={retry} />;
}
