import { ActionIcon, Button } from "@mantine/core";
import { IconLogout } from "@tabler/icons-react";

/** Ends the session, but no call; on a narrow screen the header has room for its symbol only. */
export function SignOutButton({
  inCall = false,
  onClick,
}: {
  inCall?: boolean;
  onClick: () => void;
}) {
  const shared = {
    variant: "default",
    disabled: inCall,
    title: inCall ? "End the call first" : undefined,
    onClick,
  };
  return (
    <>
      <Button {...shared} size="sm" h={34} px="sm" visibleFrom="xs">
        Sign out
      </Button>
      <ActionIcon {...shared} size="lg" hiddenFrom="xs" aria-label="Sign out">
        <IconLogout size={18} aria-hidden />
      </ActionIcon>
    </>
  );
}
