import { Badge, Group, Paper, Text } from "@mantine/core";
import type { Health } from "../api/client.ts";

export function HealthPanel({ health }: { health: Health }) {
  return (
    <Paper
      withBorder
      radius="lg"
      p="md"
      bg="var(--offhook-surface)"
      component="section"
      aria-label="Health"
    >
      <Group gap="sm">
        <Check name="System" state={health.status} />
        {Object.entries(health.checks).map(([name, state]) => (
          <Check key={name} name={capital(name)} state={checkState(state)} />
        ))}
        <Text size="sm" c="dimmed" ml="auto">
          Version {health.version}, up {uptime(health.uptime_s)}
        </Text>
      </Group>
    </Paper>
  );
}

function Check({ name, state }: { name: string; state: string }) {
  const good = /^(ok|up|pass|healthy|ready)$/i.test(state);
  return (
    <Badge variant="dot" size="lg" tt="none" fw={500} color={good ? "green" : "red"}>
      {name}: {state}
    </Badge>
  );
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function checkState(check: unknown): string {
  if (typeof check === "string") return check;
  if (typeof check === "boolean") return check ? "ok" : "failed";
  if (typeof check === "object" && check !== null && "status" in check) return String(check.status);
  return "unknown";
}

export function uptime(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${Math.floor(seconds)} s`;
}
