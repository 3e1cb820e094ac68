import { sipSession } from "../api/client.ts";
import { mount } from "../portal/mount.tsx";
import { createTelephone } from "../portal/telephone.ts";
import { TelephoneProvider } from "../softphone/index.ts";
import { AgentApp } from "./AgentApp.tsx";

mount(
  <TelephoneProvider value={createTelephone(sipSession, true)}>
    <AgentApp />
  </TelephoneProvider>,
);
