/** The house rules as tables; tidy.test.ts holds them. A new file of a service finds its place here first. */

/** The rooms of a service, from the top down: a room imports from its own row and from those below it. */
export interface Rooms {
  /** Builds, wires, reads the settings. */
  readonly main: readonly string[];
  /** Answers contracts, consumes events. */
  readonly doors: readonly string[];
  /** Joins transaction, rule, store and outbox. */
  readonly middle: readonly string[];
  /** The only SQL. */
  readonly stores: readonly string[];
  /** Rules: functions of values. No clock, no random, no IO, no log. */
  readonly pure: readonly string[];
}

// prettier-ignore
export const HOUSE: Readonly<Record<string, Rooms>> = {
  credits: {
    main: ["main", "config"],
    doors: ["handlers", "read-handlers", "money-handlers", "hold-handlers", "tier-handlers", "caller", "events", "charges", "awards"],
    middle: ["balances", "posting", "loading", "saving", "settling"],
    stores: [
      "accounts.store", "holds.store", "journal.store", "notices.store", "periods.store", "reads.store", "tiers.store", "verify", "laws",
    ],
    pure: ["account", "balance", "chain", "command", "hold", "ledger", "lots", "period", "refund", "rows", "time"],
  },
  coupons: {
    main: ["main", "config"],
    doors: ["handlers"],
    middle: ["redeeming"],
    stores: ["coupons.store", "retelling.store", "laws"],
    pure: ["code", "redemption"],
  },
  openrouter: {
    // The fake OpenRouter and the rotation of keys are programs too: tools/ starts them.
    main: ["main", "config", "fake", "fake-auth", "fake-chat", "fake-models", "rotation"],
    doors: ["handlers", "proxy-handlers"],
    middle: [
      "accounts", "body", "catalogue", "client", "conversation", "exchange", "exchanges", "guard", "linking", "listing", "metering", "models", "once", "payer",
      "quotes", "refusing", "reporting", "reserve", "routing", "settling", "sweeping", "vault",
    ],
    stores: ["accounts.store", "links.store", "requests.store", "settings.store", "laws"],
    pure: ["answers", "bill", "estimate", "exact-json", "fernet", "price-sheet", "refusal", "remaining", "secret", "states", "told", "vault-keys"],
  },
  usage: {
    main: ["main", "config"],
    doors: ["handlers", "price-handlers", "report", "dead-letters"],
    middle: ["event", "partitions", "price-import", "prices", "record", "tracker"],
    stores: ["store", "dead-letters.store", "partitions.store", "prices.store", "quarantine.store", "reads.store", "explain.store", "retelling.store", "laws"],
    pure: ["catalogue", "cost", "group", "match", "period", "price", "price-change", "price-list", "quantities", "sheet", "tally"],
  },
  gateway: {
    main: ["main", "config"],
    doors: ["app"],
    middle: [
      "answer", "auth", "documents", "door", "guesses", "health", "input", "limits", "openai-errors", "pages", "problem", "proxy", "proxy-bill", "proxy-body",
      "proxy-routes", "rest", "server", "trail",
    ],
    stores: [],
    pure: ["idempotency", "openapi", "operation", "outside", "proxy-paths", "refusals", "routes"],
  },
};

/** What a pure room may import besides pure rooms: exact money, refusals, contracts, and data. */
export const PURE_IMPORTS = [
  /^@tollbooth\/shared\/(money|fault|pricing|contract|document|contracts\/\w+)$/,
  /^zod$/,
  /^@pydantic\/genai-prices$/,
  // A parser that keeps numbers as texts.
  /^lossless-json$/,
  // sha256 is a function of its argument; what makes chance is looked for below.
  /^node:crypto$/,
];

/** Rooms of shared that are pure too. */
export const PURE_SHARED = ["money", "fault", "contract", "document", "sql", "depth"];

/** What a pure room never says: the time, chance, the process and the console are arguments or do not concern it. */
export const IMPURE =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\brandomUUID\b|\bprocess\.|\bconsole\.|\bperformance\b|\bsetTimeout\b|\bfetch\(/;

/** Who may import what is heavy, or what we may want to exchange one day. Tests are free to. */
// prettier-ignore
export const OWNERS: Readonly<Record<string, RegExp>> = {
  "pg": /^packages\/shared\/src\/db\.ts$/,
  "nats": /^packages\/shared\/src\/(bus|nkeys|serve|wire|streams|consumer)\.ts$/,
  "nkeys.js": /^packages\/shared\/src\/(nkeys|ed25519)\.ts$/,
  "decimal.js": /^packages\/shared\/src\/money\.ts$/,
  "@opentelemetry/": /^packages\/shared\/src\/(telemetry|exporter)\.ts$/,
  "prom-client": /^packages\/shared\/src\/metrics\.ts$/,
  "pino": /^packages\/shared\/src\/log\.ts$/,
  "canonicalize": /^packages\/shared\/src\/idempotency\.ts$/,
  "testcontainers": /^packages\/shared\/src\/testing\//,
  "express": /^services\/gateway\//,
  "cors": /^services\/gateway\//,
  "proxy-addr": /^services\/gateway\//,
  "helmet": /^services\/gateway\//,
  "swagger-ui-dist": /^services\/gateway\//,
  "rate-limiter-flexible": /^services\/gateway\//,
  "jose": /^(services\/gateway\/src\/auth|tools\/src\/jwt)\.ts$/,
  "commander": /^tools\//,
  "@pydantic/genai-prices": /^services\/usage\//,
  "lossless-json": /^services\/openrouter\/src\/(exact-json|fake)\.ts$/,
  "cockatiel": /^services\/openrouter\/src\/guard\.ts$/,
};

/** Names that say what kind of thing a file is, or nothing: they attract whatever has no home. */
export const FORBIDDEN_NAMES = /^(utils?|helpers?|common|types?|constants?|misc|index|lib|shared)\./;

/** A file longer than this has two subjects, or an ADR that says why it has one. */
export const LINES_MAX = 300;
