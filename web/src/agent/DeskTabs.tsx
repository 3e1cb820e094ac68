import { Badge, Tabs } from "@mantine/core";
import { type ComponentType, useState } from "react";
import { Board } from "./Board.tsx";
import { Directory } from "./Directory.tsx";
import { useDesk } from "./desk-context.ts";
import { useQueues, useVoicemails } from "./desk-queries.ts";
import { History } from "./History.tsx";
import { QueueTiles } from "./QueueTiles.tsx";
import { Voicemails } from "./Voicemails.tsx";

interface Tab {
  name: string;
  Content: ComponentType;
  shown: boolean;
  count?: number;
}

/** What is beside the telephone, as far as the server has it. */
export function DeskTabs() {
  const { offers, supervisor } = useDesk();
  const { data: queues = [] } = useQueues();
  const { data: voicemails = [] } = useVoicemails();
  const waiting = queues.reduce((sum, { live }) => sum + live.waiting, 0);
  const unheard = voicemails.filter(({ heard }) => !heard).length;
  const all: Tab[] = [
    { name: "Board", Content: Board, shown: supervisor },
    { name: "Queues", Content: QueueTiles, shown: offers("/api/queues"), count: waiting },
    { name: "Directory", Content: Directory, shown: offers("/api/agents") },
    { name: "History", Content: History, shown: supervisor || offers("/api/agents") },
    { name: "Voicemail", Content: Voicemails, shown: offers("/api/voicemails"), count: unheard },
  ];
  const tabs = all.filter(({ shown }) => shown);
  const [chosen, setChosen] = useState<string | null>(null);
  if (tabs.length === 0) return null;
  const current = tabs.find(({ name }) => name === chosen) ?? tabs[0];
  return (
    <Tabs value={current?.name ?? null} onChange={setChosen} keepMounted={false}>
      <Tabs.List mb="md">
        {tabs.map(({ name, count }) => (
          <Tabs.Tab
            key={name}
            value={name}
            rightSection={count ? <Badge circle>{count}</Badge> : null}
          >
            {name}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {tabs.map(({ name, Content }) => (
        <Tabs.Panel key={name} value={name}>
          <Content />
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}
