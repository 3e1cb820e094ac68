import { expect, it } from "vitest";
import { quotedName, unquotedName } from "./display-name.ts";

it.each([
  ["Ada Lovelace", "Ada Lovelace"],
  ['Anna "Ann" Lee', 'Anna \\"Ann\\" Lee'],
  ["back\\slash", "back\\\\slash"],
  ["مرحبا Österreich", "مرحبا Österreich"],
])("quotes %s and back", (name, quoted) => {
  expect(quotedName(name)).toBe(quoted);
  expect(unquotedName(quoted)).toBe(name);
});

it("lets no name end its header", () => {
  expect(quotedName("Eve\r\nVia: x\t\u0000")).toBe("Eve Via: x");
});
