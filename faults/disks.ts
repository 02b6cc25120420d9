/** What happens to disks: Postgres' or the broker's is full, and later has room again. */
import { mkdir, readFile, rename, rm, stat, statfs } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { until } from "@tollbooth/shared/local/condition";
import { output, succeeds } from "@tollbooth/shared/local/command";
import { dataOf, storeOf } from "../tools/src/servers.ts";
import { logOf } from "../tools/src/service.ts";
import type { Harm } from "./harms.ts";
import type { World } from "./world.ts";

type Server = "postgres" | "nats";

const ROOM_MB = 2_000;
/** Files grow while they are measured. */
const SLACK_BYTES = 65_536;
const NOTICED_WITHIN_MS = 30_000;
const FULL_MS = 3_000;
const NO_ROOM = "No space left on device";

/** None where we may not mount: that is told aloud. */
export const DISKS: readonly Harm[] = (await mayMount())
  ? (["postgres", "nats"] as const).map((server) => ({
      kind: "disk full",
      name: `${server === "nats" ? "the broker's" : "Postgres'"} disk full until it is noticed, and ${FULL_MS / 1000} s more`,
      on: server,
      to: (world) => fill(world, server),
    }))
  : [];
if (DISKS.length === 0) console.log("disk full: skipped, only root may mount a small disk");

async function mayMount(): Promise<boolean> {
  // In a namespace of its own: of a try nothing stays.
  return (
    process.getuid?.() === 0 && succeeds(["unshare", "--mount", "mount", "-t", "tmpfs", "tollbooth-faults", "/mnt"])
  );
}

/** Lets a server's disk be full until the server says so, and a while more. Throws where it does not notice. */
async function fill(world: World, server: Server): Promise<void> {
  const path = server === "nats" ? storeOf(world.folder, "nats") : dataOf(world.folder);
  if (!(await isMounted(path))) await moveToDisk(world, server, path);
  const hasNoticed = server === "nats" ? hearing(world) : await reading(logOf(server, world.folder));
  try {
    const isFull = await until(() => leaveNoRoom(path), NOTICED_WITHIN_MS);
    if (!isFull || !(await until(hasNoticed, NOTICED_WITHIN_MS))) throw new Error(`${server} did not notice`);
    await pause(FULL_MS);
  } finally {
    await remount(path, `${ROOM_MB}m`);
  }
}

/** A broker hangs without a word: who keeps its streams notices, and ends it. */
function hearing({ said }: World): () => boolean {
  const before = said.length;
  return () => said.slice(before).some((sentence) => sentence.includes("one whose disk is full"));
}

async function reading(log: string): Promise<() => Promise<boolean>> {
  const { length: before } = await readFile(log);
  return async () => (await readFile(log)).subarray(before).includes(NO_ROOM);
}

async function leaveNoRoom(path: string): Promise<boolean> {
  const { blocks, bfree, bsize } = await statfs(path);
  return remount(path, String((blocks - bfree) * bsize + SLACK_BYTES)).then(
    () => true,
    () => false,
  );
}

async function remount(path: string, size: string): Promise<void> {
  await output(["mount", "-o", `remount,size=${size}`, path]);
}

async function isMounted(path: string): Promise<boolean> {
  return (await readFile("/proc/mounts", "utf8")).includes(` ${path} tmpfs `);
}

/** Stops a server, moves its data to a small disk of its own, and starts it there. */
async function moveToDisk(world: World, server: Server, path: string): Promise<void> {
  const before = `${path}.before`;
  await world.platform.part(server).stop();
  await rename(path, before);
  await mkdir(path);
  const { uid, gid, mode } = await stat(before);
  const options = `size=${ROOM_MB}m,uid=${uid},gid=${gid},mode=${(mode & 0o777).toString(8)}`;
  await output(["mount", "-t", "tmpfs", "-o", options, "tollbooth-faults", path]);
  world.onClosed(() => output(["umount", path]));
  await output(["cp", "-a", `${before}/.`, path]);
  await rm(before, { recursive: true });
  await world.platform.part(server).start();
}
