import { Button, Group, Loader, Stack, Table, Text, Title } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useCallback, useEffect, useState } from "react";
import { menus as fetchMenus, type Menu } from "../api/menus.ts";
import { FailureNotice } from "../portal/FailureNotice.tsx";
import { pageFailure } from "../portal/words.ts";
import { type Failure, failureFromApi } from "../softphone/failure.ts";
import { MenuForm } from "./MenuForm.tsx";
import { draftOf, type MenuDraft, newDraft } from "./menu-draft.ts";

/** The menus that callers hear, and one of them as a form. */
export function MenusPage() {
  const { menus, failure, load } = useMenus();
  const [draft, setDraft] = useState<MenuDraft | null>(null);
  const close = () => {
    setDraft(null);
    load();
  };
  if (draft) {
    return (
      <Stack gap="md">
        <Title order={1} size="h3">
          {draft.isNew ? "New menu" : `Menu ${draft.id}`}
        </Title>
        <MenuForm
          key={draft.id}
          draft={draft}
          menus={(menus ?? []).map((menu) => menu.id)}
          onSaved={close}
          onDeleted={close}
          onCancel={() => setDraft(null)}
        />
      </Stack>
    );
  }
  return (
    <Stack gap="md">
      <Group justify="space-between">
        <Title order={1} size="h3">
          Menus
        </Title>
        <Button
          leftSection={<IconPlus size={16} aria-hidden />}
          onClick={() => setDraft(newDraft())}
        >
          New menu
        </Button>
      </Group>
      {failure && <FailureNotice failure={failure} />}
      {menus ? (
        <MenuTable menus={menus} onEdit={(menu) => setDraft(draftOf(menu))} />
      ) : (
        !failure && <Loader aria-label="Loading the menus" />
      )}
    </Stack>
  );
}

function MenuTable({ menus, onEdit }: { menus: Menu[]; onEdit: (menu: Menu) => void }) {
  if (menus.length === 0) {
    return <Text c="dimmed">There is no menu. A number leads to a menu once there is one.</Text>;
  }
  return (
    <Table.ScrollContainer minWidth={280}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>Shown as</Table.Th>
            <Table.Th>Keys</Table.Th>
            <Table.Th>Open</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {menus.map((menu) => (
            <Table.Tr key={menu.id}>
              <Table.Td>
                <Button variant="subtle" size="compact-sm" onClick={() => onEdit(menu)}>
                  {menu.id}
                </Button>
              </Table.Td>
              <Table.Td>{menu.display_name}</Table.Td>
              <Table.Td>{Object.keys(menu.options).join(" ")}</Table.Td>
              <Table.Td>{menu.hours ? `by the clock of ${menu.hours.zone}` : "always"}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function useMenus() {
  const [menus, setMenus] = useState<Menu[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const load = useCallback(() => {
    fetchMenus()
      .then((found) => {
        setMenus(found);
        setFailure(null);
      })
      .catch((error: unknown) => setFailure(pageFailure(failureFromApi(error))));
  }, []);
  useEffect(load, [load]);
  return { menus, failure, load };
}
