/**
 * Whether the tests of the pure ledger would notice: breaks the ledger in the ways that mutants.md lists, one at a time, in a
 * copy, and runs the unit tests of credits on each. `npm run bench -- mutants [words]` runs those whose title has these words.
 * Exit code 1 where one survives.
 */
import { spawn } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

interface Mutant {
  readonly file: string;
  readonly breaks: string;
  /** The one text of the file that it changes, and what stands there instead. */
  readonly from: string;
  readonly to: string;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LIST = join(ROOT, "bench/mutants.md");
const SOURCES = "services/credits/src";
const COPIED = ["services/credits", "docs/LEDGER.md", "package.json", "vitest.config.ts", "tsconfig.base.json"];
/** A mutant may loop for ever: then it is noticed too. */
const TIMEOUT_MS = 120_000;
const MUTANT = /^### (?<file>[\w.]+): (?<breaks>.+)\n+```diff\n(?<from>(?:-.*\n)+)(?<to>(?:\+.*\n)*)```$/gm;

await main(process.argv.slice(2).join(" "));

async function main(words: string): Promise<void> {
  const mutants = (await readMutants()).filter(({ file, breaks }) => `${file}: ${breaks}`.includes(words));
  const folder = await copy();
  try {
    if (!(await passes(folder))) throw new Error("the tests fail on the ledger as it is");
    let survived = 0;
    for (const [i, mutant] of mutants.entries()) {
      const begin = performance.now();
      const isNoticed = await isKilled(folder, mutant);
      if (!isNoticed) survived += 1;
      const seconds = ((performance.now() - begin) / 1000).toFixed(1).padStart(5);
      const verdict = isNoticed ? "killed  " : "SURVIVED";
      console.log(`${String(i + 1).padStart(3)} ${verdict} ${seconds} s  ${mutant.file}: ${mutant.breaks}`);
    }
    console.log(`\n${mutants.length} mutants, ${mutants.length - survived} killed, ${survived} survived`);
    process.exitCode = survived === 0 && mutants.length > 0 ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Throws where one of them is not of the code as it is. */
async function readMutants(): Promise<Mutant[]> {
  const text = await readFile(LIST, "utf8");
  const mutants = [...text.matchAll(MUTANT)].map(({ groups = {} }) => ({
    file: groups.file ?? "",
    breaks: groups.breaks ?? "",
    from: unmarked(groups.from ?? ""),
    to: unmarked(groups.to ?? ""),
  }));
  const headings = text.match(/^### /gm)?.length;
  if (mutants.length !== headings) throw new Error(`${headings} headings, but ${mutants.length} mutants can be read`);
  for (const { file, breaks, from } of mutants) {
    const found = (await readFile(join(ROOT, SOURCES, file), "utf8")).split(from).length - 1;
    if (found !== 1) throw new Error(`"${file}: ${breaks}" is out of date: its text is there ${found} times`);
  }
  return mutants;
}

function unmarked(lines: string): string {
  return lines
    .trimEnd()
    .split("\n")
    .map((line) => line.slice(1))
    .join("\n");
}

/** A folder in which the unit tests of credits run, on sources of its own. */
async function copy(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tollbooth-mutants-"));
  for (const path of COPIED) await cp(join(ROOT, path), join(folder, path), { recursive: true, filter: isSource });
  for (const path of ["node_modules", "packages"]) await symlink(join(ROOT, path), join(folder, path));
  return folder;
}

function isSource(path: string): boolean {
  return !/\/(dist|\.turbo)$/.test(path);
}

async function isKilled(folder: string, { file, from, to }: Mutant): Promise<boolean> {
  const path = join(folder, SOURCES, file);
  const text = await readFile(path, "utf8");
  const broken = text.replace(from, () => to);
  await writeFile(path, broken);
  try {
    return !(await passes(folder));
  } finally {
    await writeFile(path, text);
  }
}

/** The laws take long: they are for mutants that the rest lets live. */
async function passes(folder: string): Promise<boolean> {
  const files = (await readdir(join(folder, SOURCES))).filter((name) => /(?<!\.int)\.test\.ts$/.test(name));
  const quick = files.filter((name) => !name.includes(".laws."));
  const slow = files.filter((name) => name.includes(".laws."));
  return (await run(folder, quick)) && (await run(folder, slow));
}

/** Whether these tests pass. Throws where they cannot even be run. */
function run(folder: string, files: readonly string[]): Promise<boolean> {
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const argv = [vitest, "run", "--project", "unit", "--bail", "1", ...files.map((name) => `${SOURCES}/${name}`)];
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NO_COLOR: "1" };
    const child = spawn(process.execPath, argv, { cwd: folder, timeout: TIMEOUT_MS, env });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (said += text.toString()));
    child.once("close", (code, signal) => {
      if (code === 0 || signal !== null || /Failed Tests \d/.test(said)) resolve(code === 0);
      else reject(new Error(`the tests could not be run:\n${said}`));
    });
  });
}
