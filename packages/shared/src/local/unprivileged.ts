/** Postgres refuses to run as root. Where we are root, this is how it runs all the same. */
import { createHash } from "node:crypto";
import { chown, cp, mkdir, rename, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isExecutable, onPath, output, succeeds, type Command } from "./command.ts";
import type { Launch } from "./launch.ts";

/** Who runs the server and where its files must be for that. */
export interface Place {
  /** `self`: we are no root. `setuid`: another user. `namespace`: root, but not in its own eyes. `copy`: another user, elsewhere. */
  readonly kind: "self" | "setuid" | "namespace" | "copy";
  readonly binaries: string;
  readonly dataDir: string;
  launch(command: Command): Launch;
  /** Gives a file or an existing tree to whoever runs the server. */
  own(path: string): Promise<void>;
}

/** The user that stands for nobody on every Linux. */
const NOBODY = 65_534;

/**
 * Where and as whom a server with these files can run. Another user cannot enter a folder below one that is closed
 * to others, such as /root: then a user namespace hides that we are root; where those are forbidden too, the server
 * works on copies below /var/lib/tollbooth, which only root can have put there.
 */
export async function placeFor(binaries: string, dataDir: string): Promise<Place> {
  if (process.getuid?.() !== 0) {
    return { kind: "self", binaries, dataDir, launch: (command) => ({ command }), own: async () => {} };
  }
  if ((await isOpen(binaries)) && (await isOpen(dirname(dataDir)))) {
    return { kind: "setuid", binaries, dataDir, ...(await asServant()) };
  }
  const unshare = await onPath("unshare");
  if (unshare !== undefined && (await succeeds([unshare, ...HIDDEN_ROOT, "true"]))) {
    const launch = (command: Command): Launch => ({ command: [unshare, ...HIDDEN_ROOT, ...command] });
    return { kind: "namespace", binaries, dataDir, launch, own: (path) => give(path, 0, 0) };
  }
  return copied(binaries, dataDir);
}

const HIDDEN_ROOT = ["--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, "--"] as const;

async function copied(binaries: string, dataDir: string): Promise<Place> {
  const program = (await isOpen(binaries)) ? binaries : copyOf(binaries);
  if (program !== binaries) await copyOnce(binaries, program);
  const data = (await isOpen(dirname(dataDir))) ? dataDir : copyOf(dataDir);
  return { kind: "copy", binaries: program, dataDir: data, ...(await asServant()) };
}

function copyOf(path: string): string {
  const key = createHash("sha256").update(resolve(path)).digest("hex").slice(0, 16);
  return join("/var/lib/tollbooth", key);
}

/** The copy appears whole or not at all. */
async function copyOnce(from: string, to: string): Promise<void> {
  if (await isExecutable(join(to, "bin/postgres"))) return;
  const draft = `${to}.draft-${process.pid}`;
  await mkdir(dirname(to), { recursive: true, mode: 0o755 });
  await cp(from, draft, { recursive: true, verbatimSymlinks: true });
  await rename(draft, to);
}

/** Looked up once a process: each look is two programs. */
let servantIds: ReturnType<typeof servant> | undefined;

async function asServant(): Promise<Pick<Place, "launch" | "own">> {
  servantIds ??= servant();
  const [uid, gid] = await servantIds;
  return { launch: (command) => ({ command, uid, gid }), own: (path) => give(path, uid, gid) };
}

async function servant(): Promise<readonly [uid: number, gid: number]> {
  for (const user of ["postgres", "nobody"]) {
    const ids = await Promise.all([output(["id", "-u", user]), output(["id", "-g", user])]).catch(() => undefined);
    if (ids !== undefined) return [Number(ids[0]), Number(ids[1])];
  }
  return [NOBODY, NOBODY];
}

/** Whether anybody may pass through a folder and all above it; a folder that is not there yet will be open. */
async function isOpen(folder: string): Promise<boolean> {
  const mode = await stat(folder).then(
    (found) => found.mode,
    () => 0o001,
  );
  if ((mode & 0o001) === 0) return false;
  const above = dirname(resolve(folder));
  return above === resolve(folder) || isOpen(above);
}

/** The owner changes when the way to run changes: a tree made under one user is of no use to another. */
async function give(path: string, uid: number, gid: number): Promise<void> {
  const { uid: owner } = await stat(path);
  if (owner === uid) return;
  await chown(path, uid, gid);
  await output(["chown", "-R", `${uid}:${gid}`, path]);
}
