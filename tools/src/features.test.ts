/** The tables of what is promised: every contract and every invariant is in them, and every test that they name is there. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commands, events } from "@tollbooth/shared/contracts/all";
import { ROOT } from "./checkout.ts";

const HELD = /^\| (?<feature>.+) \| `(?<file>[^`]+\.test\.ts)` "(?<name>.+)" \|$/gm;
const rowsOf = (document: string) =>
  [...readFileSync(join(ROOT, document), "utf8").matchAll(HELD)].map(
    ({ groups }) => groups as { feature: string; file: string; name: string },
  );
const features = rowsOf("docs/FEATURES.md");
const invariants = rowsOf("docs/ARCHITECTURE.md");

test("every contract is a feature that some test holds", () => {
  const subjects = [...Object.values(commands), ...Object.values(events)].flat().map(({ subject }) => subject);
  expect(subjects.filter((subject) => !features.some(({ feature }) => feature.includes(`\`${subject}\``)))).toEqual([]);
});

test("every invariant has a test", () => {
  const numbers = new Set(invariants.map(({ feature }) => Number(/^\d+/.exec(feature))));
  expect([...numbers]).toEqual(Array.from({ length: 13 }, (_, i) => i + 1));
});

test.each([...features, ...invariants, ...rowsOf("docs/SECURITY.md")])("$feature", ({ file, name }) => {
  const path = join(ROOT, file);
  expect(existsSync(path) ? readFileSync(path, "utf8") : `there is no ${file}`).toContain(name);
});

/** What has to be tried on whatever is reached by strangers. */
const ATTACKS = [
  ["token forgery and confusion", "roles", "other people's things", "mass assignment"],
  ["NATS eavesdropping and impersonation", "swapped ciphertexts", "guessing coupons", "huge and deep JSON"],
  ["prototype pollution", "header injection", "slow clients", "replayed requests", "secrets in artefacts"],
].flat();

test.each(ATTACKS)("%s is an attack that some test tries", (attack) => {
  expect(rowsOf("docs/SECURITY.md").some(({ feature }) => feature.startsWith(`${attack} | `))).toBe(true);
});

test("every row of the tables names a test", () => {
  const bare = ["docs/FEATURES.md", "docs/ARCHITECTURE.md", "docs/SECURITY.md"].flatMap((document) => {
    const promises = readFileSync(join(ROOT, document), "utf8")
      .split(/^\| (?:feature|invariant|attack) \|.*\n\|-.*$/m)
      .slice(1);
    const rows = promises.flatMap((table) => table.split("\n\n")[0]?.match(/^\|.+$/gm) ?? []);
    return rows.filter((row) => row.match(HELD) === null);
  });
  expect(bare).toEqual([]);
});
