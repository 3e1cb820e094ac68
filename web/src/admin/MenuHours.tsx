import {
  ActionIcon,
  Button,
  Chip,
  Group,
  Stack,
  Switch,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import type { Hours, Opening } from "../api/menus.ts";
import type { ErrorOf } from "./MenuOptions.tsx";
import { TargetPicker } from "./TargetPicker.tsx";

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const OFFICE: Opening = { days: [1, 2, 3, 4, 5], from: "08:00", until: "17:30" };

/** When the menu is open, and where callers go while it is not. */
export function MenuHours({
  hours,
  menus,
  errorOf,
  onChange,
}: {
  hours: Hours | null;
  menus: string[];
  errorOf: ErrorOf;
  onChange: (hours: Hours | null) => void;
}) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const closed = { kind: "play", to: "tts:We are closed at the moment." } as const;
  const begin = (): Hours => ({ zone, open: [OFFICE], holidays: [], closed });
  return (
    <Stack gap="sm">
      <Switch
        label="Only open at certain times"
        checked={hours !== null}
        onChange={(event) => onChange(event.currentTarget.checked ? begin() : null)}
      />
      {hours && (
        <>
          <TextInput
            label="Time zone"
            value={hours.zone}
            onChange={(event) => onChange({ ...hours, zone: event.currentTarget.value })}
            error={errorOf("hours.zone")}
          />
          <Openings hours={hours} errorOf={errorOf} onChange={onChange} />
          <Textarea
            label="Holidays"
            description="One date in each line, as 2026-12-25"
            rows={3}
            value={hours.holidays.join("\n")}
            onChange={(event) =>
              onChange({ ...hours, holidays: event.currentTarget.value.split("\n") })
            }
            error={hours.holidays.map((_, at) => errorOf(`hours.holidays.${at}`)).find(Boolean)}
          />
          <Text size="sm" fw={500}>
            While it is closed
          </Text>
          <TargetPicker
            label="While it is closed"
            target={hours.closed}
            menus={menus}
            error={errorOf("hours.closed.to")}
            onChange={(target) => onChange({ ...hours, closed: target })}
          />
        </>
      )}
    </Stack>
  );
}

function Openings({
  hours,
  errorOf,
  onChange,
}: {
  hours: Hours;
  errorOf: ErrorOf;
  onChange: (hours: Hours) => void;
}) {
  const put = (at: number, change: Partial<Opening>) =>
    onChange({
      ...hours,
      open: hours.open.map((opening, n) => (n === at ? { ...opening, ...change } : opening)),
    });
  return (
    <>
      {hours.open.map((opening, at) => (
        <Group
          // biome-ignore lint/suspicious/noArrayIndexKey: a time has no other name than its place
          key={at}
          gap="xs"
          align="flex-start"
          role="group"
          aria-label={`Time ${at + 1}`}
        >
          <Chip.Group
            multiple
            value={opening.days.map(String)}
            onChange={(days) => put(at, { days: days.map(Number).toSorted((a, b) => a - b) })}
          >
            <Group gap={4}>
              {DAYS.map((day, n) => (
                <Chip key={day} value={String(n + 1)} size="xs">
                  {day}
                </Chip>
              ))}
            </Group>
          </Chip.Group>
          <TextInput
            aria-label="From"
            w={80}
            value={opening.from}
            onChange={(event) => put(at, { from: event.currentTarget.value })}
          />
          <TextInput
            aria-label="Until"
            w={120}
            value={opening.until}
            onChange={(event) => put(at, { until: event.currentTarget.value })}
            error={errorOf(`hours.open.${at}.until`) ?? errorOf(`hours.open.${at}.days`)}
          />
          <ActionIcon
            variant="subtle"
            color="red"
            size="lg"
            aria-label={`Remove time ${at + 1}`}
            onClick={() => onChange({ ...hours, open: hours.open.filter((_, n) => n !== at) })}
          >
            <IconTrash size={16} aria-hidden />
          </ActionIcon>
        </Group>
      ))}
      {errorOf("hours.open") && (
        <Text size="sm" c="red">
          {errorOf("hours.open")}
        </Text>
      )}
      <Button
        variant="default"
        leftSection={<IconPlus size={16} aria-hidden />}
        onClick={() => onChange({ ...hours, open: [...hours.open, OFFICE] })}
        style={{ alignSelf: "flex-start" }}
      >
        Add a time
      </Button>
    </>
  );
}
