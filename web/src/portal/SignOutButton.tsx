import { ActionIcon, Button } from "@mantine/core";
import { IconLogout } from "@tabler/icons-react";

/** Ends the session; on a narrow screen the header has room for its symbol only. */
export function SignOutButton({ onClick }: { onClick: () => void }) {
  return (
    <>
      <Button variant="default" size="sm" h={34} px="sm" visibleFrom="xs" onClick={onClick}>
        Sign out
      </Button>
      <ActionIcon
        variant="default"
        size="lg"
        hiddenFrom="xs"
        aria-label="Sign out"
        onClick={onClick}
      >
        <IconLogout size={18} aria-hidden />
      </ActionIcon>
    </>
  );
}
