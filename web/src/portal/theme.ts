import { createTheme, type MantineColorsTuple } from "@mantine/core";

const harbour: MantineColorsTuple = [
  "#e7f6f8",
  "#d3e9ed",
  "#a8d2da",
  "#7abac6",
  "#54a6b5",
  "#3c9aaa",
  "#2d94a5",
  "#1c8091",
  "#0b7285",
  "#075e6e",
];

/** Mantine's greys for the dark scheme, with a little of the harbour in them. */
const dark: MantineColorsTuple = [
  "#d5dde0",
  "#b9c4c9",
  "#94a2a9",
  "#7b8a91",
  "#4a585f",
  "#3a474d",
  "#2a353a",
  "#1f282c",
  "#192024",
  "#12181b",
];

export const theme = createTheme({
  primaryColor: "harbour",
  primaryShade: 8,
  colors: { harbour, dark },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  fontFamily:
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif",
  headings: { fontWeight: "650" },
});

/** Fillings dark enough for white text (contrast above 4.5). */
export const CALL_COLOUR = "#24783b";
export const END_COLOUR = "#c92a2a";
