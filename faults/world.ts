/** The whole platform for one file of fault tests: real processes, the lines between them, their books, and what their supervisor said. */
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { openBus, type Bus } from "@tollbooth/shared/bus";
import { openDb } from "@tollbooth/shared/db";
import { until } from "@tollbooth/shared/local/condition";
import { openLog } from "@tollbooth/shared/log";
import { Streams, streams, type Stream } from "@tollbooth/shared/streams";
import { testFolder } from "@tollbooth/shared/testing/find";
import { OPERATOR } from "../tools/src/broker/permissions.ts";
import { databaseSetting, forEachOwner, OWNERS } from "../tools/src/databases.ts";
import { Platform, type Part, type PlatformOptions } from "../tools/src/platform.ts";
import { brokersOf, type Broker } from "../tools/src/servers.ts";
import { logOf, type Service } from "../tools/src/service.ts";
import { refusalsIn } from "../tools/src/testing/refusals.ts";
import type { Books } from "../tools/src/reconcile.ts";
import { beginPrepared, SMALL_POOLS } from "../e2e/harness/prepared.ts";
import { Line } from "./line.ts";
import { Provider } from "./provider.ts";
import { Tape } from "./tape.ts";

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

type Lines = Readonly<Record<"nats" | "postgres", Line>>;

interface Opened {
  readonly platform: Platform;
  readonly brokers: readonly Broker[];
  readonly folder: string;
  readonly remove: () => Promise<void>;
  readonly said: string[];
  readonly provider: Provider;
  readonly lines: Lines | undefined;
  /** An operator's connection, and those of the services that tell facts. */
  readonly buses: Readonly<Record<"operator" | "usage" | "coupons", Bus>>;
}

/** What a world has that others do without. */
export interface Shape {
  /** Three brokers, and two processes of each service. */
  readonly isScaled?: boolean;
  /** Lines between the services and their servers, which can break; a platform that is scaled out has none. */
  readonly hasLines?: boolean;
}

export class World {
  readonly platform: Platform;
  readonly books: Books;
  readonly bus: Bus;
  readonly streams: Streams;
  readonly provider: Provider;
  readonly tape: Tape;
  /** Bodies of messages that can never be applied: their dead letters are no surprise. */
  readonly poison = new Set<string>();
  /** Holds the platform's data and logs. */
  readonly folder: string;
  /** What the supervisor said, one sentence at a time. */
  readonly said: string[];
  readonly #lines: Lines | undefined;
  readonly #remove: Opened["remove"];
  readonly #brokers: readonly Broker[];
  readonly #buses: Opened["buses"];
  readonly #cleanings: (() => Promise<unknown>)[] = [];

  /** Starts a platform of its own in a new folder, with these settings. */
  static async open(
    settings: NodeJS.ProcessEnv = {},
    { isScaled = false, hasLines = false }: Shape = {},
  ): Promise<World> {
    const { folder, remove } = await testFolder("faults");
    await beginPrepared(folder);
    const said: string[] = [];
    const provider = await Provider.open();
    const env: NodeJS.ProcessEnv = { ...process.env, ...SMALL_POOLS, ...SETTINGS, ...provider.settings, ...settings };
    for (const name of GIVEN) delete env[name];
    let lines: Lines | undefined;
    const between: NonNullable<PlatformOptions["between"]> = async ({ natsUrl, databaseUrls }) => {
      const [nats, postgres] = [await Line.to(natsUrl), await Line.to(databaseUrls.credits)];
      lines = { nats, postgres };
      return { natsUrl: nats.at(natsUrl), databaseUrls: forEachOwner((owner) => postgres.at(databaseUrls[owner])) };
    };
    const tell = (sentence: string) => void said.push(sentence);
    const platform = await Platform.start({ folder, fsync: false, env, tell, isScaled, ...(hasLines && { between }) });
    const busOf = (name: string) =>
      openBus({ url: platform.natsUrl, keys: platform.natsKeys, name, log: openLog("faults", "silent") });
    const buses = { operator: await busOf(OPERATOR), usage: await busOf("usage"), coupons: await busOf("coupons") };
    return new World({ platform, brokers: brokersOf(isScaled), folder, remove, said, provider, lines, buses });
  }

  private constructor({ platform, brokers, folder, remove, said, provider, lines, buses }: Opened) {
    this.platform = platform;
    this.books = forEachOwner((owner) =>
      openDb({ url: platform.databaseUrls[owner], name: "faults", poolMax: 3, log: openLog("faults", "silent") }),
    );
    this.bus = buses.operator;
    this.streams = new Streams(this.bus);
    this.#lines = lines;
    this.provider = provider;
    const speakers = [
      [streams.usageReports.name, this.streams],
      [streams.usage.name, new Streams(buses.usage)],
      [streams.coupons.name, new Streams(buses.coupons)],
    ] as const;
    this.tape = new Tape(this.bus, new Map(speakers));
    this.folder = folder;
    this.#remove = remove;
    this.said = said;
    this.#brokers = brokers;
    this.#buses = buses;
  }

  /** All that the services are told of these servers comes and goes here. Throws in a world that has none. */
  get lines(): Lines {
    if (this.#lines === undefined) throw new Error("this world was opened without lines");
    return this.#lines;
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

  /** Starts a service anew with orders to crash when it passes a point the nth time. Settles when it has crashed there. */
  async crashAt(service: Service, point: string, nth: number, withinMs = ENDS_WITHIN_MS): Promise<void> {
    await this.platform.restart(service, { CRASH_AT: `${point}:${nth}` });
    const { pid } = this.platform.part(service);
    if (pid === undefined) throw new Error(`${service} did not start`);
    await this.gone(service, pid, withinMs);
    const last = this.said.findLast((sentence) => sentence.startsWith(service));
    if (last !== `${service} ended (SIGKILL) and is started again.`)
      throw new Error(`${service} should have crashed at ${point}, but: ${last}`);
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
  async gone(name: Part, pid: number, withinMs = ENDS_WITHIN_MS): Promise<void> {
    if (await until(() => this.platform.part(name).pid !== pid, withinMs)) return;
    throw new Error(`${name} still runs after ${withinMs / 1000} s`);
  }

  /** What is to be done when the platform has stopped. */
  onClosed(clean: () => Promise<unknown>): void {
    this.#cleanings.push(clean);
  }

  /** Stops everything; the folder with the logs stays where something failed. Throws where somebody lacked a right on the broker. */
  async close(hasFailed: boolean): Promise<void> {
    await Promise.all([
      ...Object.values(this.#buses).map((bus) => bus.close()),
      ...OWNERS.map((owner) => this.books[owner].close()),
    ]);
    await this.platform.stop();
    await Promise.all([...Object.values(this.#lines ?? {}).map((line) => line.close()), this.provider.close()]);
    const logs = this.#brokers.map((broker) => logOf(broker, this.folder));
    const refusals = (await Promise.all(logs.map(refusalsIn))).flat();
    for (const clean of this.#cleanings) await clean();
    if (refusals.length > 0) throw new Error(`the broker refused what was needed:\n${refusals.join("\n")}`);
    if (hasFailed) console.log(`logs: ${join(this.folder, "logs")}`);
    else await this.#remove();
  }
}

/**
 * Opens a world for the test file that calls this at its top level; each test finds everything at work, whatever the one
 * before has killed last. The logs stay where a test has failed.
 */
export function worldOfThisFile(settings: NodeJS.ProcessEnv = {}, shape: Shape = {}): () => World {
  let world: World | undefined;
  let hasFailed = false;
  beforeAll(async () => {
    world = await World.open(settings, shape);
  });
  beforeEach(async () => world?.platform.ready());
  afterEach(({ task }) => {
    hasFailed ||= task.result?.state === "fail";
  });
  afterAll(async () => world?.close(hasFailed));
  return () => {
    if (world === undefined) throw new Error("the world opens before the file's first test");
    return world;
  };
}
