/** docs/FEATURES.md: every contract is in it, and every test that it names is there. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commands, events } from "@tollbooth/shared/contracts/all";
import { ROOT } from "./checkout.ts";

const text = readFileSync(join(ROOT, "docs/FEATURES.md"), "utf8");
const rows = [...text.matchAll(/^\| (?<feature>.+) \| (?<heldBy>.+) \|$/gm)]
  .map(({ groups }) => groups as { feature: string; heldBy: string })
  .filter(({ feature }) => feature !== "feature");

test("every contract is a feature that some test holds", () => {
  const subjects = [...Object.values(commands), ...Object.values(events)].flat().map(({ subject }) => subject);
  expect(subjects.filter((subject) => !rows.some(({ feature }) => feature.includes(`\`${subject}\``)))).toEqual([]);
});

test.each(rows)("$feature", ({ heldBy }) => {
  const [, file = "", name = ""] = /^`(.+)` "(.+)"$/.exec(heldBy) ?? [];
  const path = join(ROOT, file);
  expect(existsSync(path) ? readFileSync(path, "utf8") : `there is no ${file}`).toContain(name);
});
