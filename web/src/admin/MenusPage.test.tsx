import { MantineProvider } from "@mantine/core";
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import type { Menu } from "../api/menus.ts";
import { MenusPage } from "./MenusPage.tsx";

const main: Menu = {
  id: "main",
  display_name: "Main menu",
  greeting: "tts:Welcome.",
  barge_in: true,
  invalid: null,
  timeout: null,
  timeout_ms: 5000,
  inter_digit_ms: 2500,
  invalid_retries: 3,
  timeout_retries: 3,
  failure: { kind: "hang_up" },
  options: {
    "1": { action: "go_to", parameters: { kind: "queue", to: "sales" } },
    "#": { action: "repeat" },
  },
  hours: null,
};

/** Many keys and clicks take long on a busy machine. */
const SLOW_MS = 30_000;

interface Asked {
  method: string;
  path: string;
  body: unknown;
}

/** A server with these menus, and what it was asked; writes are answered by `answer`. */
function serve(menus: Menu[], answer = () => new Response(null, { status: 204 })) {
  const asked: Asked[] = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    const body = typeof init.body === "string" ? JSON.parse(init.body) : null;
    asked.push({ method: init.method ?? "GET", path, body });
    return init.method === "GET" ? Response.json({ items: menus, next_cursor: null }) : answer();
  });
  return asked;
}

function show() {
  render(
    <MantineProvider env="test">
      <MenusPage />
    </MantineProvider>,
  );
  return userEvent.setup();
}

afterEach(() => vi.unstubAllGlobals());

test("without menus the page says so", async () => {
  serve([]);
  show();
  expect(await screen.findByText(/There is no menu/)).toBeTruthy();
});

test("a server that fails is told, and nothing is claimed to be empty", async () => {
  vi.stubGlobal("fetch", async () => Response.json({}, { status: 500 }));
  show();
  expect(await screen.findByRole("alert")).toBeTruthy();
  expect(screen.queryByText(/There is no menu/)).toBeNull();
});

test(
  "a menu is changed and saved as a whole",
  async () => {
    const asked = serve([main], () => Response.json(main));
    const user = show();
    await user.click(await screen.findByRole("button", { name: "main" }));
    const option = screen.getByRole("group", { name: "Option 1" });
    await user.selectOptions(within(option).getByLabelText("Target of 1: kind"), "extension");
    await user.type(within(option).getByLabelText("Target of 1"), "1001");
    await user.click(screen.getByRole("button", { name: "Add an option" }));
    await user.selectOptions(screen.getByLabelText("Action of 2"), "back");
    await user.click(screen.getByRole("button", { name: "Remove option #" }));
    await user.click(screen.getByRole("button", { name: "Save" }));
    expect(await screen.findByRole("heading", { name: "Menus" })).toBeTruthy();
    const saved = asked.find(({ method }) => method === "PUT");
    expect(saved?.path).toBe("/api/ivr/menus/main");
    expect(saved?.body).toEqual({
      ...main,
      options: {
        "1": { action: "go_to", parameters: { kind: "extension", to: "1001" } },
        "2": { action: "back" },
      },
    });
  },
  SLOW_MS,
);

test("what the server refuses stands at its field", async () => {
  const errors = [
    { field: "options.1.parameters.to", allowed: "a queue that exists" },
    { field: "greeting", allowed: "a prompt" },
  ];
  const refuse = () => Response.json({ title: "A value is not allowed", errors }, { status: 422 });
  serve([main], refuse);
  const user = show();
  await user.click(await screen.findByRole("button", { name: "main" }));
  await user.click(screen.getByRole("button", { name: "Save" }));
  const option = screen.getByRole("group", { name: "Option 1" });
  expect(await within(option).findByText("a queue that exists")).toBeTruthy();
  const greeting = screen.getByLabelText("Greeting");
  expect(greeting.getAttribute("aria-invalid")).toBe("true");
  expect(screen.queryByRole("alert")).toBeNull();
});

test("the same keys twice are refused before the server is asked", async () => {
  const asked = serve([main]);
  const user = show();
  await user.click(await screen.findByRole("button", { name: "main" }));
  const option = screen.getByRole("group", { name: "Option #" });
  await user.clear(within(option).getByLabelText("Keys"));
  const unnamed = screen.getByRole("group", { name: "Option" });
  await user.type(within(unnamed).getByLabelText("Keys"), "1");
  await user.click(screen.getByRole("button", { name: "Save" }));
  expect((await screen.findAllByText("keys that no other option has")).length).toBeGreaterThan(0);
  expect(asked.every(({ method }) => method === "GET")).toBe(true);
});
