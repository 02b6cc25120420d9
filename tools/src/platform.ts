/**
 * The whole platform as processes: Postgres, the broker and the services, each kept running by a supervisor. `npm start`,
 * the demo, the end-to-end tests and the fault tests all start this one.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { openBus, type Bus } from "@tollbooth/shared/bus";
import type { Role } from "@tollbooth/shared/contract";
import { until } from "@tollbooth/shared/local/condition";
import { tail } from "@tollbooth/shared/local/daemon";
import { freePort, holderOf, isFree } from "@tollbooth/shared/local/ports";
import { openLog } from "@tollbooth/shared/log";
import { OPERATOR } from "./broker/permissions.ts";
import { keepStreams } from "./broker/streams.ts";
import { claim } from "./claim.ts";
import { databaseSetting, OWNERS, type Owner } from "./databases.ts";
import { signingOf, signToken } from "./jwt.ts";
import { openKept } from "./kept.ts";
import { brokersOf, startServers, storeOf, type Addresses, type Broker } from "./servers.ts";
import {
  endLeftoverProcesses,
  logOf,
  processesOf,
  serviceOf,
  SERVICES,
  startProcess,
  type Process,
} from "./service.ts";
import { Supervised, type Program, type Tell } from "./supervisor.ts";

export type Part = Process | "postgres" | Broker;

export interface PlatformOptions {
  /** Holds its data, logs, ports and secrets. One platform in one folder at a time. */
  readonly folder: string;
  /** Without one, a free port. */
  readonly gatewayPort?: number;
  /** Settings of the services, and addresses of servers that are not ours to start; process.env where not given. */
  readonly env?: NodeJS.ProcessEnv;
  /** False is faster and loses data when the machine crashes. */
  readonly fsync?: boolean;
  /** Three brokers, each of which keeps every stream, and two processes of each service. */
  readonly isScaled?: boolean;
  /** Hears what the supervisor does. */
  readonly tell?: Tell;
  /** Where the services find the servers, where that is not where they are: the fault tests put lines between that break. */
  readonly between?: (servers: Addresses) => Promise<Pick<Addresses, "natsUrl" | "databaseUrls">>;
}

const READY_WITHIN_MS = 45_000;
const ANSWER_KEPT_MS = 200;
/** A service that ends so often before the platform was ever ready will not get better by trying. */
const ENDS_MAX = 3;
/** Together less than 10 s, after which people press Ctrl-C again. What is killed then is made good by the next start. */
const STOP_WITHIN_MS = { gateways: 2500, services: 3000, brokers: 1000, postgres: 3000 } as const;
const TOKEN_TTL_S = 3600;

export class Platform {
  readonly #options: PlatformOptions;
  readonly #giveBack: () => Promise<void>;
  readonly #processes: readonly Process[];
  readonly #brokers: readonly Broker[];
  readonly #parts = new Map<Part, Supervised>();
  /** More settings for a process's next start. */
  readonly #once = new Map<Process, NodeJS.ProcessEnv>();
  #env: NodeJS.ProcessEnv;
  #gatewayPorts: readonly number[] = [];
  #addresses: Addresses | undefined;
  #operator: Bus | undefined;
  #leaveStreams: () => Promise<void> = async () => {};

  /**
   * Starts everything and settles when the gateway says that it is ready. Where it cannot, throws why and leaves
   * nothing running.
   */
  static async start(options: PlatformOptions): Promise<Platform> {
    const platform = new Platform(options, await claim(options.folder));
    try {
      await platform.#start();
      return platform;
    } catch (error) {
      await platform.stop();
      throw error;
    }
  }

  private constructor(options: PlatformOptions, giveBack: () => Promise<void>) {
    this.#options = options;
    this.#giveBack = giveBack;
    this.#env = options.env ?? process.env;
    this.#processes = processesOf(options.isScaled === true);
    this.#brokers = brokersOf(options.isScaled === true);
  }

  /** Of the first gateway. */
  get gatewayUrl(): string {
    return `http://127.0.0.1:${this.#gatewayPorts[0]}`;
  }

  /** Of all gateways. */
  get gatewayUrls(): readonly string[] {
    return this.#gatewayPorts.map((port) => `http://127.0.0.1:${port}`);
  }

  get natsUrl(): string {
    return this.#started().natsUrl;
  }

  /** The folder with the seeds of the broker's users; undefined where a broker was given without. */
  get natsKeys(): string | undefined {
    return this.#started().natsKeys;
  }

  /** As the services themselves. */
  get databaseUrls(): Readonly<Record<Owner, string>> {
    return this.#started().databaseUrls;
  }

  /** As one who only reads. */
  get auditUrls(): Readonly<Record<Owner, string>> {
    return this.#started().auditUrls;
  }

  /** A part that runs here: it can be killed, stopped and started. Throws where it is somebody else's server. */
  part(name: Part): Supervised {
    const part = this.#parts.get(name);
    if (part === undefined) throw new Error(`${name} was not started here: its address was given`);
    return part;
  }

  /** Ends a process in good order and starts it with more settings, which hold for this one start. */
  async restart(name: Process, env: NodeJS.ProcessEnv = {}): Promise<void> {
    await this.part(name).stop();
    this.#once.set(name, env);
    await this.part(name).start();
  }

  /** Kills the broker, throws its streams away and starts it empty, as if its disk had been lost. */
  async loseBrokerStore(): Promise<void> {
    const broker = this.part("nats");
    broker.kill("SIGKILL");
    await broker.stop();
    const store = storeOf(this.#options.folder, "nats");
    // The folder itself stays: it may be a disk of its own.
    for (const name of await readdir(store)) await rm(join(store, name), { recursive: true });
    await broker.start();
  }

  /** Settles when every gateway says that everything can work, and every process answers. Throws what is said instead after `withinMs`. */
  async ready(withinMs = READY_WITHIN_MS): Promise<void> {
    // The gateway gives one answer for a while: what it says in that may be about the time before.
    const freshMs = performance.now() + Math.min(ANSWER_KEPT_MS, withinMs);
    const isReady = async () => {
      const askedMs = performance.now();
      return (await this.#isReady()) && askedMs >= freshMs;
    };
    if (await until(isReady, withinMs)) return;
    throw new Error(`Tollbooth is not ready after ${withinMs / 1000} s: ${await this.#hindrance()}`);
  }

  /** A token that the gateway takes. Throws where an identity provider makes the tokens. */
  async tokenFor(sub: string, roles: readonly Role[], ttlS = TOKEN_TTL_S): Promise<string> {
    const signing = signingOf(this.#env);
    if (signing === undefined) throw new Error("tokens are made by the provider of AUTH_JWKS_URL");
    return signToken(signing, sub, roles, ttlS);
  }

  /** Ends everything, those who serve first, then the broker, then the database. Never throws; the folder is free then. */
  async stop(): Promise<void> {
    await this.#leaveStreams();
    const gateways = this.#processes.filter((name) => serviceOf(name) === "gateway");
    const services = this.#processes.filter((name) => !gateways.includes(name));
    const steps = { gateways, services, brokers: this.#brokers, postgres: ["postgres"] as const };
    for (const step of ["gateways", "services", "brokers", "postgres"] as const)
      await Promise.all(steps[step].map(async (name) => this.#parts.get(name)?.stop(STOP_WITHIN_MS[step])));
    await this.#giveBack();
  }

  async #start(): Promise<void> {
    const { folder, fsync = true } = this.#options;
    const gatewayPort = this.#options.gatewayPort ?? (await freePort());
    const isScaled = this.#brokers.length > 1;
    const kept = await openKept(folder, gatewayPort, isScaled ? this.#brokers.length : 0);
    this.#gatewayPorts = isScaled ? [gatewayPort, kept.secondGatewayPort] : [gatewayPort];
    // A gateway that a killed run left behind holds the port, and the folder is ours: it is ended, not complained about.
    await endLeftoverProcesses(folder);
    await requireFree(gatewayPort, this.#env.GATEWAY_HOST);
    this.#addresses = await startServers({
      folder,
      env: this.#env,
      fsync,
      kept,
      brokers: this.#brokers,
      keep: async (name, start) => this.#keep(name, { name, start }),
    });
    const { natsUrl, databaseUrls } = (await this.#options.between?.(this.#addresses)) ?? this.#addresses;
    this.#env = {
      ...this.#env,
      NATS_URL: natsUrl,
      NATS_KEYS: this.#addresses.natsKeys,
      ...Object.fromEntries(OWNERS.map((owner) => [databaseSetting(owner), databaseUrls[owner]])),
      ...(this.#env.AUTH_JWKS_URL === undefined && { AUTH_JWT_SECRET: this.#env.AUTH_JWT_SECRET ?? kept.jwtSecret }),
      ...(!this.#env.OPENROUTER_VAULT_KEYS_FILE && {
        OPENROUTER_VAULT_KEYS: this.#env.OPENROUTER_VAULT_KEYS || kept.vaultKeys,
      }),
    };
    await this.#keepStreams(this.#addresses);
    await Promise.all(this.#processes.map(async (name) => this.#keep(name, this.#program(name))));
    await this.#firstReady();
  }

  async #keep(name: Part, program: Program): Promise<void> {
    const part = new Supervised(program, this.#options.tell ?? (() => {}));
    this.#parts.set(name, part);
    await part.start();
  }

  /** Services may not make streams: who started the broker does, and again where it loses them. */
  async #keepStreams({ natsUrl: url, natsKeys: keys }: Addresses): Promise<void> {
    const onStall = () => this.#options.tell?.("The broker's streams are not looked after any more: start anew.");
    const log = openLog("streams", "silent");
    const replicas = this.#brokers.length > 1 ? this.#brokers.length : undefined;
    this.#operator = await openBus({ url, keys, name: OPERATOR, log });
    const onNoJetStream = () => {
      this.#options.tell?.("The broker does not answer about its streams, as one whose disk is full: it is ended.");
      // One that was given is not ours to end; one that hangs does not listen to less.
      this.#parts.get("nats")?.kill("SIGKILL");
    };
    this.#leaveStreams = await keepStreams({ bus: this.#operator, replicas, log, onStall, onNoJetStream });
  }

  #program(name: Process): Program {
    const ports = { GATEWAY_PORT: String(this.#gatewayPorts[name === "gateway-2" ? 1 : 0]) };
    const start = async () => {
      const more = this.#once.get(name);
      this.#once.delete(name);
      return startProcess(name, this.#options.folder, { ...this.#env, ...ports, ...more });
    };
    return { name, start };
  }

  async #firstReady(): Promise<void> {
    const failing = () => this.#processes.find((name) => this.part(name).quickEnds >= ENDS_MAX);
    await until(async () => failing() !== undefined || (await this.#isReady()), READY_WITHIN_MS);
    const name = failing();
    if (name === undefined) return this.ready(0);
    const log = logOf(name, this.#options.folder);
    throw new Error(`${name} does not stay up; its log (${log}) ends with:\n${await tail(log)}`);
  }

  async #isReady(): Promise<boolean> {
    return (await this.#hindrance()) === undefined;
  }

  /** What a gateway says instead of being ready, or which service lacks a process. */
  async #hindrance(): Promise<string | undefined> {
    const said = await Promise.all(this.gatewayUrls.map(hindranceAt));
    const processes = this.#processes.length / SERVICES.length;
    const first = said.find((text) => text !== undefined);
    // That one process of a service is there is what gateways say themselves.
    if (first !== undefined || processes === 1) return first;
    const isThere = await Promise.all(OWNERS.map(async (owner) => this.#operator?.ping(owner, processes)));
    const lacking = OWNERS.find((_, i) => isThere[i] !== true);
    return lacking && `not every process of ${lacking} answers`;
  }

  #started(): Addresses {
    if (this.#addresses === undefined) throw new Error("the platform has not started");
    return this.#addresses;
  }
}

/** What a gateway says where it is not ready; undefined where it is. */
async function hindranceAt(gatewayUrl: string): Promise<string | undefined> {
  return fetch(`${gatewayUrl}/health/ready`, { signal: AbortSignal.timeout(2000) }).then(
    async (answer) => (answer.ok ? undefined : answer.text()),
    () => "the gateway does not answer",
  );
}

async function requireFree(port: number, host: string | undefined): Promise<void> {
  if (await isFree(port, host)) return;
  const holder = (await holderOf(port)) ?? "another program";
  throw new Error(
    `Port ${port} is taken by ${holder}: end that, or choose another port with npm start -- --port 8090.`,
  );
}
