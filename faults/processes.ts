/** What happens to processes: they die, crash at the worst moment, are ended, or stand still. */
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { Part } from "../tools/src/platform.ts";
import type { Service } from "../tools/src/service.ts";
import type { Harm } from "./harms.ts";
import type { World } from "./world.ts";

const NAMES = {
  credits: "credits",
  usage: "usage",
  coupons: "coupons",
  openrouter: "openrouter",
  gateway: "the gateway",
  nats: "the broker",
  postgres: "Postgres",
} satisfies Partial<Record<Part, string>>;

const PARTS = Object.keys(NAMES) as (keyof typeof NAMES)[];
const STANDS_MS = 4_000;

/** The moments at which a crash would be most dangerous: each is named in the code. */
// prettier-ignore
export const POINTS = {
  credits: ["posting.before-commit", "posting.after-commit", "consumer.before-ack", "relay.before-publish", "relay.after-publish"],
  usage: ["record.before-commit", "record.after-commit", "consumer.before-ack", "relay.before-publish", "relay.after-publish", "confirmer.before-delete"],
  coupons: ["redeeming.before-commit", "redeeming.after-commit"],
} satisfies Partial<Record<Service, string[]>>;
/** These are passed by chats only. */
export const OF_CHATS = [
  "metering.after-claim",
  "metering.after-hold",
  "settling.after-answer",
  "settling.after-keep",
  "reporting.before-mark",
];
export const NTH_MAX = 3;
const REACHED_WITHIN_MS = 12_000;

export const DEATHS: readonly Harm[] = [
  ...PARTS.map((part) => ({
    kind: "kill -9",
    name: `kill -9 of ${NAMES[part]}`,
    on: part,
    to: (world: World) => world.kill(part),
  })),
  {
    kind: "immediate shutdown of Postgres",
    name: "immediate shutdown of Postgres",
    on: "postgres",
    to: (world) => world.kill("postgres", "SIGQUIT"),
  },
];

/** A crash at each named point: the harm does not happen where no traffic comes by in time. */
export const CRASHES: readonly Harm[] = Object.entries<readonly string[]>({ ...POINTS, openrouter: OF_CHATS }).flatMap(
  ([service, points]) =>
    points.map((point) => ({
      kind: "crash at a named point",
      name: `crash of ${service} at ${point}`,
      on: service as Service,
      to: (world: World, random) =>
        world.crashAt(service as Service, point, random.whole(1, NTH_MAX), REACHED_WITHIN_MS),
    })),
);

export const RESTARTS: readonly Harm[] = (["credits", "usage", "coupons"] as const).map((service) => ({
  kind: "SIGTERM",
  name: `SIGTERM of ${service}`,
  on: service,
  to: (world) => world.platform.restart(service),
}));

export const STOPS: readonly Harm[] = PARTS.map((part) => ({
  kind: "SIGSTOP",
  name: `SIGSTOP of ${NAMES[part]} for ${STANDS_MS / 1000} s`,
  on: part,
  to: (world) => freeze(world, part, STANDS_MS),
}));

/** Lets a part stand still with all its processes, as one does whose machine is overcommitted or moved. */
async function freeze(world: World, name: Part, forMs: number): Promise<void> {
  const { pid } = world.platform.part(name);
  if (pid === undefined) throw new Error(`${name} does not run: there is nothing to stop`);
  send("SIGSTOP", [pid]);
  // Who stands still starts no more of them.
  const children = await childrenOf(pid);
  send("SIGSTOP", children);
  await pause(forMs);
  send("SIGCONT", [...children, pid]);
}

/** Postgres is a process for each connection, and some more. */
async function childrenOf(pid: number): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const parents = await Promise.all(pids.map(async (child) => readFile(`/proc/${child}/stat`, "utf8").catch(() => "")));
  // After the name, which may hold anything: state, parent.
  const isChild = (stat: string) => stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] === String(pid);
  return pids.filter((_, i) => isChild(parents[i] ?? "")).map(Number);
}

function send(signal: NodeJS.Signals, pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      // It has ended meanwhile.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}
