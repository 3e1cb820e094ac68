import { Badge } from "@mantine/core";
import { useSoftphone } from "../softphone/index.ts";
import { connectionWords, isDown } from "./words.ts";

/** Whether calls can be made, in a word and a colour. */
export function ConnectionBadge({ registers }: { registers: boolean }) {
  const { connection } = useSoftphone();
  const words = connectionWords(connection, registers);
  const good =
    connection.phase === "connected" && (!registers || connection.registration === "registered");
  const bad =
    connection.phase === "waiting" ||
    isDown(connection) ||
    (connection.phase === "connected" && connection.registration === "refused");
  return (
    <Badge
      role="status"
      aria-label={`Connection: ${words}`}
      data-testid="connection"
      data-phase={connection.phase}
      data-registration={connection.registration}
      variant="dot"
      size="lg"
      tt="none"
      fw={500}
      miw={0}
      color={good ? "green" : bad ? "red" : "yellow"}
    >
      {words}
    </Badge>
  );
}
