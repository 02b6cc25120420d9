/**
 * Writes the tables and charts of docs/PERFORMANCE.md anew, from what benches printed with --json into docs/performance.
 * `npm run bench -- report`.
 */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { charts, withFigures } from "./parts/performance.ts";

const DOCS = fileURLToPath(new URL("../../docs", import.meta.url));
const FOLDER = join(DOCS, "performance");
const DOCUMENT = join(DOCS, "PERFORMANCE.md");

await mkdir(FOLDER, { recursive: true });
const kept = new Map<string, unknown>();
for (const file of await readdir(FOLDER)) {
  const [, name] = /^(\w+)\.json$/.exec(file) ?? [];
  if (name !== undefined) kept.set(name, JSON.parse(await readFile(join(FOLDER, file), "utf8")));
}
await writeFile(DOCUMENT, withFigures(await readFile(DOCUMENT, "utf8"), kept));
const drawings = charts(kept);
for (const [file, text] of drawings) await writeFile(join(FOLDER, file), text);
console.log(`${DOCUMENT} tells of ${kept.size} benches, with ${drawings.size} charts.`);
