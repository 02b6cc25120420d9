/** Settings come from the environment, are parsed once, and a bad set is told whole. */
import { z } from "zod";

/** What one environment variable means. Documented in docs/OPERATIONS.md; a test keeps that table complete. */
export interface Setting<T extends z.ZodType = z.ZodType> {
  readonly about: string;
  readonly schema: T;
}

/** One variable: what it is about, for people, and what it may be. */
export function setting<T extends z.ZodType>(about: string, schema: T): Setting<T> {
  return { about, schema };
}

export type Settings = Readonly<Record<string, Setting>>;
export type Config<S extends Settings> = { readonly [K in keyof S]: z.output<S[K]["schema"]> };

/** A whole number from the environment. */
export const WholeNumber = (min: number, max: number, preset: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, "a whole number")
    .transform(Number)
    .refine((n) => n >= min && n <= max, `from ${min} to ${max}`)
    .default(preset);

const Port = z
  .string()
  .regex(/^\d{1,5}$/, "a whole number")
  .transform(Number)
  .refine((port) => port <= 65_535, "from 0 to 65535");

/** How the secrets begin that compose.yaml and the local runner bring. A production platform refuses them: anybody could have read them. */
export const DEVELOPMENT = "dev-";

/** The settings that every service has. */
export const commonSettings = {
  NATS_URL: setting("address of the broker", z.string().min(1).default("nats://127.0.0.1:4222")),
  NATS_KEYS: setting("folder with the seed of this service's user on the broker", z.string().min(1).optional()),
  LOG_LEVEL: setting(
    "least level that is logged",
    z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting(
    "base address of an OTLP/HTTP collector; without it no trace is exported",
    z.url().optional(),
  ),
  METRICS_HOST: setting("address at which metrics have a port of their own", z.string().min(1).default("127.0.0.1")),
};

/** Where a service's metrics are. */
export function metricsSettings<N extends string>(name: N) {
  const about = "port at which its metrics are served, at /metrics; without it a service serves none";
  return { [`${name}_METRICS_PORT`]: setting(about, Port.optional()) } as Record<
    `${N}_METRICS_PORT`,
    Setting<z.ZodOptional<typeof Port>>
  >;
}

/** The settings of a service's own database. */
export function databaseSettings<N extends string>(name: N) {
  const settings = {
    [`${name}_DATABASE_URL`]: setting(
      "address of the service's own database",
      z.string().regex(/^postgres(ql)?:\/\//, "a postgres:// address"),
    ),
    [`${name}_DATABASE_POOL_MAX`]: setting("most connections held to it", WholeNumber(2, 500, 10)),
  };
  return settings as Record<`${N}_DATABASE_URL`, Setting<z.ZodString>> &
    Record<`${N}_DATABASE_POOL_MAX`, Setting<ReturnType<typeof WholeNumber>>>;
}

/** Throws where a production platform is given a database whose password everybody knows; the password is not told. */
export function requireOwnPassword(name: string, url: string, env: NodeJS.ProcessEnv): void {
  if (env["NODE_ENV"] !== "production" || !new URL(url).password.startsWith(DEVELOPMENT)) return;
  throw new Error(
    `settings are missing or wrong:\n  ${name} has a password of development (it begins "${DEVELOPMENT}") and NODE_ENV is production`,
  );
}

/** Parses the environment; throws one Error that names every bad variable and says what it should be. */
export function readConfig<S extends Settings>(settings: S, env: NodeJS.ProcessEnv): Config<S> {
  const values: Record<string, unknown> = {};
  const bad: string[] = [];
  for (const [name, { schema, about }] of Object.entries(settings)) {
    const raw = env[name] === "" ? undefined : env[name];
    const parsed = schema.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else
      bad.push(
        `  ${name} (${about}): ${raw === undefined ? "is missing" : parsed.error.issues.map((issue) => issue.message).join("; ")}`,
      );
  }
  if (bad.length > 0) throw new Error(`settings are missing or wrong:\n${bad.join("\n")}`);
  return values as Config<S>;
}
