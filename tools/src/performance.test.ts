/** What docs/PERFORMANCE.md and its charts tell is what benches have kept, and nothing else. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { charts, withFigures } from "../../bench/src/parts/performance.ts";
import { ROOT } from "./checkout.ts";

const FOLDER = join(ROOT, "docs/performance");
const files = existsSync(FOLDER) ? readdirSync(FOLDER) : [];
const kept = new Map<string, unknown>(
  files
    .filter((file) => file.endsWith(".json"))
    .map((file) => [file.slice(0, -".json".length), JSON.parse(readFileSync(join(FOLDER, file), "utf8"))]),
);

test("every table of the document is a bench's; where it is not, `npm run bench -- report` writes it anew", () => {
  const text = readFileSync(join(ROOT, "docs/PERFORMANCE.md"), "utf8");
  expect(withFigures(text, kept) === text).toBe(true);
});

test("every chart is a bench's", () => {
  const drawings = charts(kept);
  expect(files.filter((file) => file.endsWith(".svg")).toSorted()).toEqual([...drawings.keys()].toSorted());
  for (const [file, text] of drawings) expect(readFileSync(join(FOLDER, file), "utf8") === text).toBe(true);
});

test("a chart shows every line that it was given, at its place", () => {
  const reads = {
    at: "2026-01-31T12:00:00.000Z",
    machine: { cpu: "some", cores: 2, memoryGb: 4, system: "linux", node: "v20", load: 1 },
    figures: [10_000, 1_000_000].map((size) => ({ name: "summary", of: "events", size, p50Ms: 2 })),
    told: { head: ["", "ms"], rows: [["summary", 2]], says: "It is right." },
  };
  const svg = charts(new Map([["reads", reads]])).get("reads-events.svg") ?? "";
  expect(svg).toContain(`<text x="64.0" y="326" text-anchor="middle">10,000</text>`);
  expect(/<polyline[^>]*points="(?<points>[^"]+)"/.exec(svg)?.groups?.["points"]).toBe("64.0,93.6 540.0,93.6");
});
