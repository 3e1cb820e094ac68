import { Text, Title } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useState } from "react";
import { AudioSettings } from "../portal/AudioSettings.tsx";
import { ConnectionBadge } from "../portal/ConnectionBadge.tsx";
import { Phone, type PhoneParts } from "../portal/Phone.tsx";
import { PortalShell } from "../portal/PortalShell.tsx";
import { useSoftphone } from "../softphone/index.ts";
import { CallbackOffer } from "./CallbackOffer.tsx";
import classes from "./CustomerApp.module.css";
import { Favourites } from "./Favourites.tsx";
import { AUDIO_CHECKS, CONTACTS, nameOf } from "./numbers.ts";
import { RateCall } from "./RateCall.tsx";

const PARTS: PhoneParts = { Details: CallbackOffer, AfterCall: RateCall };

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
        <Parts />
      </div>
    </PortalShell>
  );
}

/**
 * Beside each other, the telephone comes first. Below each other, what most people came for does,
 * until they have called: then they look for the call, and later for how it ended.
 */
function Parts() {
  const { call } = useSoftphone();
  const narrow = useMediaQuery("(max-width: 62em)", false, { getInitialValueInEffect: false });
  const [called, setCalled] = useState(false);
  if (call && !called) setCalled(true);
  const phone = (
    <div key="phone" className={classes.phone}>
      <Phone nameOf={nameOf} parts={PARTS} />
    </div>
  );
  const checks = <Checks key="checks" />;
  const contacts = <Contacts key="contacts" />;
  return <>{narrow && !called ? [contacts, phone, checks] : [phone, contacts, checks]}</>;
}

function Contacts() {
  return (
    <section className={classes.contacts} aria-labelledby="contacts">
      <Title order={1} size="h2" id="contacts">
        How can we help?
      </Title>
      <Text c="dimmed" mb="md">
        Call us from this page. You need a microphone, and no account.
      </Text>
      <Favourites items={CONTACTS} />
    </section>
  );
}

function Checks() {
  return (
    <section className={classes.checks} aria-labelledby="checks">
      <Title order={2} size="h4" id="checks" mb="xs">
        Check your audio
      </Title>
      <Favourites items={AUDIO_CHECKS} compact />
    </section>
  );
}
