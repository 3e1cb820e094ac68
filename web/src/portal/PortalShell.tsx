import { ActionIcon, Container, Tooltip, useMantineColorScheme } from "@mantine/core";
import { IconDeviceDesktop, IconMoon, IconSun } from "@tabler/icons-react";
import type { ReactNode } from "react";
import classes from "./PortalShell.module.css";

/** The frame of every portal: name, tools, colour scheme and the main region. */
export function PortalShell({
  portal,
  tools,
  size = 1040,
  children,
}: {
  portal?: string;
  tools?: ReactNode;
  size?: number;
  children: ReactNode;
}) {
  return (
    <>
      <a className={classes.skip} href="#main">
        Skip to content
      </a>
      <header className={classes.header}>
        <Container size={size} className={classes.bar}>
          <span className={classes.brand}>
            <img src="/favicon.svg" alt="" width={30} height={30} />
            <span className={classes.word}>
              Offhook {portal && <span className={classes.portal}>{portal}</span>}
            </span>
          </span>
          {tools}
          <ColorSchemeToggle />
        </Container>
      </header>
      <Container component="main" id="main" tabIndex={-1} size={size} className={classes.main}>
        {children}
      </Container>
    </>
  );
}

const SCHEMES = {
  auto: { next: "light", label: "Colours follow the system", Icon: IconDeviceDesktop },
  light: { next: "dark", label: "Light colours", Icon: IconSun },
  dark: { next: "auto", label: "Dark colours", Icon: IconMoon },
} as const;

function ColorSchemeToggle() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { next, label, Icon } = SCHEMES[colorScheme];
  const name = `${label}; change`;
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="default"
        size="lg"
        aria-label={name}
        onClick={() => setColorScheme(next)}
      >
        <Icon size={18} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}
