/** One platform in one folder at a time. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commandLine, isAlive } from "@tollbooth/shared/local/leftover";

/** Only Node programs make claims: a pid that has passed on to something else is no claim. */
const MARK = "node";

/**
 * Claims a folder for this process; answers what gives it back. Throws one sentence where another process that still
 * runs has it.
 */
export async function claim(folder: string): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true });
  const file = claimFile(folder);
  if (!(await takes(file))) {
    const holder = await claimant(folder);
    if (holder === undefined) await rm(file, { force: true });
    if (holder !== undefined || !(await takes(file))) {
      throw new Error(`Tollbooth already runs in ${folder} (pid ${holder ?? "unknown"}): npm run stop ends it.`);
    }
  }
  return () => rm(file, { force: true });
}

/** Of two that come at once only one can make the file. */
async function takes(file: string): Promise<boolean> {
  return writeFile(file, `${process.pid}\n`, { flag: "wx" }).then(
    () => true,
    () => false,
  );
}

/** The process that has claimed a folder and still runs; undefined where there is none. */
export async function claimant(folder: string): Promise<number | undefined> {
  const pid = Number((await readFile(claimFile(folder), "utf8").catch(() => "")).trim());
  const isHeld = pid > 0 && isAlive(pid) && (await commandLine(pid)).includes(MARK);
  return isHeld ? pid : undefined;
}

function claimFile(folder: string): string {
  return join(folder, "platform.pid");
}
