import {
  IconDoor,
  IconHeadphones,
  IconHistory,
  IconListNumbers,
  IconMessage2Share,
  IconMusic,
  IconWaveSine,
  type TablerIcon,
} from "@tabler/icons-react";

export interface Favourite {
  number: string;
  name: string;
  text: string;
  Icon: TablerIcon;
}

export const CONTACTS: Favourite[] = [
  {
    number: "6000",
    name: "Talk to us",
    text: "Straight to the next free person",
    Icon: IconHeadphones,
  },
  {
    number: "9999",
    name: "Menu",
    text: "Choose a department",
    Icon: IconListNumbers,
  },
  {
    number: "555-1234",
    name: "Meeting room",
    text: "Join others in room 555-1234",
    Icon: IconDoor,
  },
];

export const AUDIO_CHECKS: Favourite[] = [
  { number: "9196", name: "Echo", text: "Hear yourself", Icon: IconMessage2Share },
  { number: "9195", name: "Delayed echo", text: "After a pause", Icon: IconHistory },
  { number: "9197", name: "Test tone", text: "Steady, 1004 Hz", Icon: IconWaveSine },
  { number: "9664", name: "Music", text: "Plays while you wait", Icon: IconMusic },
];

export function nameOf(number: string): string | null {
  const plain = number.replaceAll("-", "");
  const known = [...CONTACTS, ...AUDIO_CHECKS];
  return known.find((one) => one.number.replaceAll("-", "") === plain)?.name ?? null;
}
