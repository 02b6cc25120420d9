/** The whole platform for one file of fault tests: real processes, their books, and what their supervisor said. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll } from "vitest";
import { openBus, type Bus } from "@tollbooth/shared/bus";
import { openDb } from "@tollbooth/shared/db";
import { until } from "@tollbooth/shared/local/condition";
import { openLog } from "@tollbooth/shared/log";
import { sql } from "@tollbooth/shared/sql";
import { Streams, streams, type Stream } from "@tollbooth/shared/streams";
import { OPERATOR } from "../tools/src/broker/permissions.ts";
import { databaseSetting, forEachOwner, OWNERS } from "../tools/src/databases.ts";
import { Platform, type Part } from "../tools/src/platform.ts";
import { brokersOf, type Broker } from "../tools/src/servers.ts";
import { logOf, type Service } from "../tools/src/service.ts";
import { refusalsIn } from "../tools/src/testing/refusals.ts";
import type { Books } from "../tools/src/reconcile.ts";

/** No rate limits; and a request whose service was killed with it in its hands is given up soon. */
const SETTINGS = { RATE_LIMIT_USER: "999999999", RATE_LIMIT_ADDRESS: "999999999", REQUEST_TIMEOUT_MS: "3000" };
/** Servers that somebody gave us are not ours to kill: these tests start their own. */
const GIVEN = ["NATS_URL", "GATEWAY_PORT", "CRASH_AT", ...OWNERS.map(databaseSetting)];
const ENDS_WITHIN_MS = 40_000;

/** The streams whose messages have effects, and who takes them. */
export const CONSUMED: readonly { readonly stream: string; readonly durable: string }[] = [
  { stream: streams.usageReports.name, durable: "usage" },
  ...Object.values<Stream>(streams).flatMap(({ name, confirmedBy }) =>
    confirmedBy === undefined ? [] : [{ stream: name, durable: confirmedBy.durable }],
  ),
];

export class World {
  readonly platform: Platform;
  readonly books: Books;
  readonly bus: Bus;
  readonly streams: Streams;
  /** Its data and logs. */
  readonly folder: string;
  readonly #brokers: readonly Broker[];
  /** What the supervisor said, one sentence at a time. */
  readonly said: string[];

  /** Starts a platform of its own in a new folder, with these settings, scaled out or not. */
  static async open(settings: NodeJS.ProcessEnv, isScaled: boolean): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), "tollbooth-faults-"));
    // Postgres may run as another user, who has to get to its data.
    await chmod(folder, 0o755);
    const said: string[] = [];
    const env: NodeJS.ProcessEnv = { ...process.env, ...SETTINGS, ...settings };
    for (const name of GIVEN) delete env[name];
    const tell = (sentence: string) => void said.push(sentence);
    const platform = await Platform.start({ folder, fsync: false, env, isScaled, tell });
    const log = openLog("faults", "silent");
    const bus = await openBus({ url: platform.natsUrl, keys: platform.natsKeys, name: OPERATOR, log });
    return new World(platform, brokersOf(isScaled), folder, said, bus);
  }

  private constructor(platform: Platform, brokers: readonly Broker[], folder: string, said: string[], bus: Bus) {
    this.platform = platform;
    this.books = forEachOwner((owner) =>
      openDb({ url: platform.databaseUrls[owner], name: "faults", poolMax: 3, log: openLog("faults", "silent") }),
    );
    this.bus = bus;
    this.streams = new Streams(bus);
    this.#brokers = brokers;
    this.folder = folder;
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

  /** Kills it, and nobody starts it again: who is left has to do without it. */
  async lose(name: Part): Promise<void> {
    const part = this.platform.part(name);
    part.kill("SIGKILL");
    await part.stop();
  }

  /** Lets a process stand still, as one does whose machine is overcommitted or moved. */
  async freeze(name: Part, forMs: number): Promise<void> {
    this.platform.part(name).kill("SIGSTOP");
    await pause(forMs);
    this.platform.part(name).kill("SIGCONT");
  }

  /** Starts a service anew with orders to crash when it passes a point the nth time. Settles when it has crashed there. */
  async crashAt(service: Service, point: string, nth: number): Promise<void> {
    await this.platform.restart(service, { CRASH_AT: `${point}:${nth}` });
    const { pid } = this.platform.part(service);
    if (pid === undefined) throw new Error(`${service} did not start`);
    await this.gone(service, pid);
    const last = this.said.findLast((sentence) => sentence.startsWith(service));
    if (last !== `${service} ended (SIGKILL) and is started again.`)
      throw new Error(`${service} should have crashed at ${point}, but: ${last}`);
  }

  /** Ends every connection that services have to their databases, as happens where one is restarted or fails over. */
  async cutConnections(): Promise<void> {
    for (const owner of OWNERS) {
      const cut = await this.books[owner].run(
        sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${`tollbooth-${owner}`}`,
      );
      if (cut === 0) throw new Error(`${owner} has no connection to its database`);
    }
  }

  /** Lets the broker forget what was acknowledged: it delivers all that it holds again. */
  async deliverAgain(): Promise<void> {
    const manager = await this.bus.connection.jetstreamManager();
    await Promise.all(CONSUMED.map(({ stream, durable }) => manager.consumers.delete(stream, durable)));
  }

  /** The broker through which a stream takes what comes, of those that keep it. Throws while they have not agreed on one. */
  async leaderOf(stream: string): Promise<Broker> {
    const { streams: made } = await this.bus.connection.jetstreamManager();
    const { cluster } = await made.info(stream);
    const found = this.#brokers.find((broker) => broker === cluster?.leader);
    if (found === undefined) throw new Error(`${stream} has no leader`);
    return found;
  }

  /** Settles when a process has ended. Throws where it does not. */
  async gone(name: Part, pid: number): Promise<void> {
    if (await until(() => this.platform.part(name).pid !== pid, ENDS_WITHIN_MS)) return;
    throw new Error(`${name} still runs after ${ENDS_WITHIN_MS / 1000} s`);
  }

  /** Stops everything; the folder with the logs stays where something failed. Throws where somebody lacked a right on the broker. */
  async close(hasFailed: boolean): Promise<void> {
    await Promise.all([this.bus.close(), ...OWNERS.map((owner) => this.books[owner].close())]);
    await this.platform.stop();
    const logs = this.#brokers.map((broker) => logOf(broker, this.folder));
    const refusals = (await Promise.all(logs.map(refusalsIn))).flat();
    if (refusals.length > 0) throw new Error(`the broker refused what was needed:\n${refusals.join("\n")}`);
    if (hasFailed) console.log(`logs: ${join(this.folder, "logs")}`);
    else await rm(this.folder, { recursive: true });
  }
}

/** Opens a world for the test file that calls this at its top level. The logs stay where a test has failed. */
export function worldOfThisFile(settings: NodeJS.ProcessEnv = {}, isScaled = false): () => World {
  let world: World | undefined;
  let hasFailed = false;
  beforeAll(async () => {
    world = await World.open(settings, isScaled);
  });
  afterEach(({ task }) => {
    hasFailed ||= task.result?.state === "fail";
  });
  afterAll(async () => world?.close(hasFailed));
  return () => {
    if (world === undefined) throw new Error("the world opens before the file's first test");
    return world;
  };
}
