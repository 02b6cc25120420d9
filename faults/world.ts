/** The whole platform for one file of fault tests: real processes, their books, and what their supervisor said. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBus, type Bus } from "@tollbooth/shared/bus";
import { openDb } from "@tollbooth/shared/db";
import { until } from "@tollbooth/shared/local/condition";
import { openLog } from "@tollbooth/shared/log";
import { Streams } from "@tollbooth/shared/streams";
import { Platform, type Part } from "../tools/src/platform.ts";
import type { Books } from "../tools/src/reconcile.ts";

const NO_LIMIT = "999999999";
/** Servers that somebody gave us are not ours to kill: these tests start their own. */
const GIVEN = ["NATS_URL", "CREDITS_DATABASE_URL", "USAGE_DATABASE_URL", "GATEWAY_PORT", "CRASH_AT"];
const ENDS_WITHIN_MS = 20_000;

export class World {
  readonly platform: Platform;
  readonly books: Books;
  readonly bus: Bus;
  readonly streams: Streams;
  readonly #folder: string;
  /** What the supervisor said, one sentence at a time. */
  readonly said: string[];

  /** Starts a platform of its own in a new folder. */
  static async open(): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), "tollbooth-faults-"));
    // Postgres may run as another user, who has to get to its data.
    await chmod(folder, 0o755);
    const said: string[] = [];
    const env = { ...process.env, RATE_LIMIT_USER: NO_LIMIT, RATE_LIMIT_ADDRESS: NO_LIMIT };
    for (const name of GIVEN) delete (env as NodeJS.ProcessEnv)[name];
    const platform = await Platform.start({ folder, fsync: false, env, tell: (sentence) => void said.push(sentence) });
    const log = openLog("faults", "silent");
    const bus = await openBus({ url: platform.natsUrl, name: "faults", log });
    return new World(platform, folder, said, bus);
  }

  private constructor(platform: Platform, folder: string, said: string[], bus: Bus) {
    const open = (of: "credits" | "usage") =>
      openDb({ url: platform.databaseUrls[of], name: "faults", poolMax: 3, log: openLog("faults", "silent") });
    this.platform = platform;
    this.books = { credits: open("credits"), usage: open("usage") };
    this.bus = bus;
    this.streams = new Streams(bus);
    this.#folder = folder;
    this.said = said;
  }

  /** Kills a process as if power had failed, and settles when it is gone. Throws where there was none to kill. */
  async kill(name: Part, signal: "SIGKILL" | "SIGQUIT" = "SIGKILL"): Promise<void> {
    const part = this.platform.part(name);
    const { pid } = part;
    if (pid === undefined) throw new Error(`${name} does not run: there is nothing to kill`);
    part.kill(signal);
    await this.gone(name, pid);
  }

  /** Settles when a process has ended. Throws where it does not. */
  async gone(name: Part, pid: number): Promise<void> {
    if (await until(() => this.platform.part(name).pid !== pid, ENDS_WITHIN_MS)) return;
    throw new Error(`${name} still runs after ${ENDS_WITHIN_MS / 1000} s`);
  }

  /** The process of a part that runs now. Throws where none does within a while. */
  async pidOf(name: Part): Promise<number> {
    await until(() => this.platform.part(name).pid !== undefined, ENDS_WITHIN_MS);
    const { pid } = this.platform.part(name);
    if (pid === undefined) throw new Error(`${name} does not run`);
    return pid;
  }

  /** Stops everything; the folder with the logs stays where something failed. */
  async close(hasFailed: boolean): Promise<void> {
    await Promise.all([this.books.credits.close(), this.books.usage.close(), this.bus.close()]);
    await this.platform.stop();
    if (hasFailed) console.log(`logs: ${join(this.#folder, "logs")}`);
    else await rm(this.#folder, { recursive: true });
  }
}
