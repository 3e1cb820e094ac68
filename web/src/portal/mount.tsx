import "@mantine/core/styles.css";
import "./portal.css";
import { MantineProvider } from "@mantine/core";
import { type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { theme } from "./theme.ts";

/** Puts a portal into its page. */
export function mount(app: ReactNode): void {
  const root = document.getElementById("root");
  if (!root) throw new Error("the page has no #root element");
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto">
        {app}
      </MantineProvider>
    </StrictMode>,
  );
}
