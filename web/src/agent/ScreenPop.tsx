import { Anchor, Text } from "@mantine/core";
import { IconExternalLink } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { type Call, useStore } from "../softphone/index.ts";
import { useScreenPop } from "./desk-queries.ts";
import { deskSettings } from "./desk-settings.ts";
import { screenPopUrl } from "./screen-pop.ts";

/** The window that screen pops share. */
const WINDOW = "offhook-screen-pop";

/** The customer's page elsewhere: a link for every call, opened by itself when the agent wants that. */
export function ScreenPop({ call }: { call: Call }) {
  const { data: template } = useScreenPop();
  const url = template && screenPopUrl(template, valuesOf(call));
  const blocked = useOpened(url ?? null, call);
  if (!url) return null;
  return (
    <div>
      <Anchor href={url} target={WINDOW} rel="noopener" size="sm" data-testid="screen-pop">
        Open the customer’s page <IconExternalLink size={14} aria-hidden />
      </Anchor>
      {blocked && (
        <Text size="xs" c="dimmed" role="status">
          The browser did not let it open by itself. Allow pop-ups for this page.
        </Text>
      )}
    </div>
  );
}

function valuesOf({ number, callRef, queue }: Call) {
  return { number, call: callRef ?? "", queue: queue?.id ?? "" };
}

/** Opens the page once, when a call that came in is answered; tells whether the browser refused. */
function useOpened(url: string | null, { phase, direction }: Call): boolean {
  const { opensScreenPop } = useStore(deskSettings);
  const [blocked, setBlocked] = useState(false);
  const opened = useRef(false);
  const due = opensScreenPop && direction === "incoming" && phase === "active";
  useEffect(() => {
    if (!due || url === null || opened.current) return;
    opened.current = true;
    setBlocked(window.open(url, WINDOW) === null);
  }, [due, url]);
  return blocked;
}
