/** docs/PERFORMANCE.md and its charts, made of what benches have found: nobody copies a figure by hand. Pure. */
import { z } from "zod";
import { drawn } from "./chart.ts";

/** What is kept of a bench: what it printed with --json. */
const Kept = z.object({
  at: z.string(),
  machine: z.object({
    cpu: z.string(),
    cores: z.number(),
    memoryGb: z.number(),
    system: z.string(),
    node: z.string(),
    load: z.number(),
  }),
  figures: z.unknown(),
  told: z.object({
    head: z.array(z.string()),
    rows: z.array(z.array(z.union([z.string(), z.number()]))),
    says: z.string(),
  }),
});
type Kept = z.output<typeof Kept>;

const Growth = z.array(z.object({ name: z.string(), of: z.string(), size: z.number(), p50Ms: z.number() }));
const Soaked = z.object({
  minutes: z.array(
    z.object({
      minute: z.number(),
      balanceP99Ms: z.number(),
      deductP99Ms: z.number(),
      memoryMb: z.record(z.string(), z.number()),
    }),
  ),
});

const Shed = z.object({
  seconds: z.array(z.object({ sent: z.number(), accepted: z.number(), refused: z.number() })),
});

const SECTION = /<!-- figures of (\w+) -->\n[^]*?<!-- end -->/g;

/** The document with the tables of what is kept, by the names of the benches. */
export function withFigures(text: string, kept: ReadonlyMap<string, unknown>): string {
  return text.replaceAll(
    SECTION,
    (_, name: string) => `<!-- figures of ${name} -->\n${section(name, kept)}\n<!-- end -->`,
  );
}

/** The charts of what is kept: file names in docs/performance, and their texts. */
export function charts(kept: ReadonlyMap<string, unknown>): Map<string, string> {
  const files = new Map<string, string>();
  if (kept.has("reads")) {
    const growth = Growth.parse(Kept.parse(kept.get("reads")).figures);
    for (const of of new Set(growth.map((figure) => figure.of)))
      files.set(
        `reads-${of}.svg`,
        growthChart(
          of,
          growth.filter((figure) => figure.of === of),
        ),
      );
  }
  if (kept.has("shed")) files.set("shed-answers.svg", shedChart(Shed.parse(Kept.parse(kept.get("shed")).figures)));
  if (kept.has("soak")) {
    const { minutes } = Soaked.parse(Kept.parse(kept.get("soak")).figures);
    const line = (name: string, of: (minute: (typeof minutes)[number]) => number) => ({
      name,
      points: minutes.map((each) => [each.minute, of(each)] as const),
    });
    const x = { label: "minutes under load", isLogarithmic: false };
    const waiting = [line("balance", (each) => each.balanceP99Ms), line("deduct", (each) => each.deductP99Ms)];
    const parts = Object.keys(minutes[0]?.memoryMb ?? {});
    const memory = parts.map((part) => line(part, (each) => each.memoryMb[part] ?? 0));
    files.set(
      "soak-waiting.svg",
      drawn({ title: "Of 100 answers 99 take at most", x, y: { label: "ms" }, lines: waiting }),
    );
    files.set("soak-memory.svg", drawn({ title: "Resident memory", x, y: { label: "MB" }, lines: memory }));
  }
  return files;
}

function shedChart({ seconds }: z.output<typeof Shed>): string {
  const line = (name: string, key: keyof (typeof seconds)[number]) => ({
    name,
    points: seconds.map((second, at) => [at, second[key]] as const),
  });
  return drawn({
    title: "Requests that were due in each second",
    x: { label: "seconds", isLogarithmic: false },
    y: { label: "a second" },
    lines: [line("asked", "sent"), line("done", "accepted"), line("refused at once", "refused")],
  });
}

function growthChart(of: string, growth: z.output<typeof Growth>): string {
  const names = [...new Set(growth.map(({ name }) => name))];
  const lines = names.map((name) => ({
    name,
    points: growth.filter((figure) => figure.name === name).map(({ size, p50Ms }) => [size, p50Ms] as const),
  }));
  return drawn({
    title: "Half of the answers take at most",
    x: { label: of, isLogarithmic: true },
    y: { label: "ms" },
    lines,
  });
}

function section(name: string, kept: ReadonlyMap<string, unknown>): string {
  const found = kept.get(name);
  if (found === undefined)
    return `\nNot measured yet: \`npm run -s bench -- ${name} --json > docs/performance/${name}.json\`.\n`;
  const { at, machine, told } = Kept.parse(found);
  const images = [...charts(new Map([[name, found]])).keys()].map((file) => `![${file}](performance/${file})\n`);
  return `\n${tableOf(told)}\n\n${told.says}\n\n${placed(at, machine)}\n${images.map((image) => `\n${image}`).join("")}`;
}

function tableOf({ head, rows }: Kept["told"]): string {
  const rule = head.map((_, i) => (i === 0 ? "---" : "--:"));
  const body = rows.map((row) =>
    rowOf(row.map((cell) => (typeof cell === "number" ? cell.toLocaleString("en") : cell))),
  );
  return [rowOf(head), rowOf(rule), ...body].join("\n");
}

function rowOf(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |`;
}

function placed(at: string, { cpu, cores, memoryGb, system, node, load }: Kept["machine"]): string {
  return `${at.slice(0, 10)}, ${cores} cores of ${cpu}, ${memoryGb} GB, ${system}, Node ${node}, load ${load} in the last minute.`;
}
