/** What can happen to a platform, one thing at a time. */
import type { World } from "./world.ts";

export interface Harm {
  readonly name: string;
  /** Settles when it has happened; what was harmed may still be coming back. */
  readonly to: (world: World) => Promise<unknown>;
}

// prettier-ignore
export const DEATHS: readonly Harm[] = [
  { name: "kill -9 of credits",             to: (world) => world.kill("credits") },
  { name: "kill -9 of usage",               to: (world) => world.kill("usage") },
  { name: "kill -9 of coupons",             to: (world) => world.kill("coupons") },
  { name: "kill -9 of the gateway",         to: (world) => world.kill("gateway") },
  { name: "kill -9 of the broker",          to: (world) => world.kill("nats") },
  { name: "kill -9 of Postgres",            to: (world) => world.kill("postgres") },
  { name: "immediate shutdown of Postgres", to: (world) => world.kill("postgres", "SIGQUIT") },
];

// prettier-ignore
export const DISTURBANCES: readonly Harm[] = [
  { name: "the broker's store deleted",     to: (world) => world.platform.loseBrokerStore() },
  { name: "all messages delivered again",   to: (world) => world.deliverAgain() },
  { name: "all database connections cut",   to: (world) => world.cutConnections() },
  { name: "SIGSTOP of credits for 4 s",     to: (world) => world.freeze("credits", 4_000) },
];

// prettier-ignore
export const RESTARTS: readonly Harm[] = [
  { name: "SIGTERM of credits",             to: (world) => world.platform.restart("credits") },
  { name: "SIGTERM of usage",               to: (world) => world.platform.restart("usage") },
  { name: "SIGTERM of coupons",             to: (world) => world.platform.restart("coupons") },
];
