import { Stack, Text, Title } from "@mantine/core";
import { AudioSettings } from "../portal/AudioSettings.tsx";
import { ConnectionBadge } from "../portal/ConnectionBadge.tsx";
import { Phone } from "../portal/Phone.tsx";
import { PortalShell } from "../portal/PortalShell.tsx";
import classes from "./CustomerApp.module.css";
import { Favourites } from "./Favourites.tsx";
import { AUDIO_CHECKS, CONTACTS, nameOf } from "./numbers.ts";

export function CustomerApp() {
  return (
    <PortalShell
      tools={
        <>
          <ConnectionBadge registers={false} />
          <AudioSettings />
        </>
      }
    >
      <div className={classes.grid}>
        <Phone nameOf={nameOf} />
        <Stack gap="xl">
          <section aria-labelledby="contacts">
            <Title order={1} size="h2" id="contacts">
              How can we help?
            </Title>
            <Text c="dimmed" mb="md">
              Call us from this page. You need a microphone, and no account.
            </Text>
            <Favourites items={CONTACTS} />
          </section>
          <section aria-labelledby="checks">
            <Title order={2} size="h4" id="checks" mb="xs">
              Check your audio
            </Title>
            <Favourites items={AUDIO_CHECKS} compact />
          </section>
        </Stack>
      </div>
    </PortalShell>
  );
}
