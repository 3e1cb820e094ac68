import { guestSession } from "../api/client.ts";
import { mount } from "../portal/mount.tsx";
import { createTelephone } from "../portal/telephone.ts";
import { TelephoneProvider } from "../softphone/index.ts";
import { CustomerApp } from "./CustomerApp.tsx";

const telephone = createTelephone(guestSession, false);
telephone.softphone.start();
mount(
  <TelephoneProvider value={telephone}>
    <CustomerApp />
  </TelephoneProvider>,
);
