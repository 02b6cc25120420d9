/** What the set-up of a test run found, as its test files get it. */
import "vitest";

/** Where a test file's broker comes from: one that somebody gave, a program to run, or a container. */
export type NatsSource =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "program"; readonly path: string }
  | { readonly kind: "container" };

export interface Servers {
  /** May create databases. */
  readonly postgresUrl: string;
  /** Begins the names of all databases of this run. */
  readonly prefix: string;
  readonly nats: NatsSource;
}

declare module "vitest" {
  interface ProvidedContext {
    readonly servers: Servers;
  }
}

/** The image of the broker, where there is no program. */
export const NATS_IMAGE = "nats:2.12";
export const NATS_PORT = 4222;
