/** The repository's own source files, read as text, and what each of them imports. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { ROOT } from "./checkout.ts";

export interface Import {
  /** As it is written: "./money.ts" or "pg". */
  readonly from: string;
  /** The file that a relative one names, from the root of the repository. */
  readonly file: string | undefined;
  /** Only types are imported: nothing of it is there when the program runs. */
  readonly isType: boolean;
}

export interface Source {
  /** From the root of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

const FOLDERS = ["packages", "services", "tools", "e2e", "faults", "bench"];
const NOT_OURS = new Set(["node_modules", "dist", ".turbo"]);
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s+(?<type>type\s)?(?:[^"';]*?\sfrom\s+)?"(?<from>[^"]+)"|import\("(?<lazy>[^"]+)"\)/g;

/** All TypeScript and JavaScript that people write here. */
export function readSources(): readonly Source[] {
  const paths = FOLDERS.filter((folder) => existsSync(join(ROOT, folder))).flatMap(walk);
  return paths.filter((path) => /\.(ts|mjs)$/.test(path)).map(read);
}

/** Whether a file is a test, or only tests use it. */
export function isTest(path: string): boolean {
  return /\.test\.ts$|\/testing\/|^e2e\/|^faults\/|^bench\//.test(path);
}

function walk(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (!entry.isDirectory()) return [path];
    return NOT_OURS.has(entry.name) ? [] : walk(path);
  });
}

function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), "utf8");
  const imports = [...text.matchAll(IMPORT)].map(({ groups = {} }) => {
    const from = groups.from ?? groups.lazy ?? "";
    const file = from.startsWith(".") ? posix.join(dirname(path), from) : undefined;
    return { from, file, isType: groups.type !== undefined };
  });
  return { path, text, imports };
}
