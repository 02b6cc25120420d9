/**
 * The version before this one: it goes on beside this one while services are exchanged. Here is its place, and nowhere else:
 * it is moved with each release.
 */
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { output, succeeds } from "@tollbooth/shared/local/command";
import { ROOT } from "../checkout.ts";
import type { Owner } from "../databases.ts";

interface Version {
  readonly commit: string;
  /** A program of node_modules, and its arguments, by which it was built in its own folder. */
  readonly build: readonly [program: string, ...args: string[]];
  /** The number of the last migration that it knows of each database. */
  readonly migrations: Readonly<Record<Owner, string>>;
}

export const PREVIOUS: Version = {
  commit: "d819ccff1ac9e7aefd9cad9eae0874b1adb5f4a8",
  build: ["tsc", "-b", "tools/tsconfig.build.json"],
  migrations: { credits: "0008", usage: "0008", coupons: "0005", openrouter: "0009" },
};

/** It was about 40 s, and then 10 s. */
const INSTALLED_WITHIN_MS = 300_000;
const BUILT_WITHIN_MS = 120_000;

/** The folder of that version, installed and built; undefined where this clone does not have its commit. It is made once a checkout. */
export async function previousCheckout(): Promise<string | undefined> {
  const { commit, build } = PREVIOUS;
  const [program, ...args] = build;
  const folder = join(ROOT, ".tollbooth/previous", commit);
  if (await isThere(folder)) return folder;
  if (!(await succeeds(["git", "-C", ROOT, "cat-file", "-e", `${commit}^{commit}`]))) return undefined;
  const draft = `${folder}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  const archive = join(draft, "archive.tar");
  await output(["git", "-C", ROOT, "archive", "-o", archive, commit]);
  await output(["tar", "-xf", archive, "-C", draft]);
  await rm(archive);
  // Its packages are its own: what it needs may be here no more.
  await output(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: draft,
    timeoutMs: INSTALLED_WITHIN_MS,
  });
  await output([join(draft, "node_modules/.bin", program), ...args], { cwd: draft, timeoutMs: BUILT_WITHIN_MS });
  await rename(draft, folder);
  return folder;
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
