/** `npm start`: the whole platform on this machine, until Ctrl-C. */
import { mkdir, statfs } from "node:fs/promises";
import { relative } from "node:path";
import { Command, Option } from "commander";
import { seedFile } from "@tollbooth/shared/nkeys";
import { TRIAL_SOURCE } from "./broker/keys.ts";
import { reporterName } from "./broker/permissions.ts";
import { HOME, ROOT } from "./checkout.ts";
import { Platform } from "./platform.ts";
import { portNumber } from "./port-number.ts";
import { keysOf } from "./servers.ts";

const SPACE_MIN_BYTES = 300_000_000;
const TOKEN_TTL_S = 24 * 3600;
const PARENT_CHECK_MS = 500;

const command = new Command("npm start --")
  .description("Starts Postgres, the broker and all services, and keeps them running until Ctrl-C.")
  .addOption(
    new Option("--port <number>", "port of the REST API").env("GATEWAY_PORT").default(8084).argParser(portNumber),
  )
  .option("--scale", "three brokers that keep every stream each, and two processes of each service")
  .parse();

await main(command.opts<{ port: number; scale?: true }>()).catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});

async function main({ port, scale }: { port: number; scale?: true }): Promise<void> {
  const begin = performance.now();
  const signals = endOnSignals();
  await requireSpace();
  console.log("Starting Tollbooth ...");
  const platform = await Platform.start({ folder: HOME, gatewayPort: port, isScaled: scale === true, tell });
  signals.end = async () => platform.stop();
  await introduce(platform, (performance.now() - begin) / 1000);
}

/**
 * Until there is a platform to stop in good order, what was started ends with this process. More signals change
 * nothing: the end is bounded, and npm passes on a Ctrl-C that the terminal has sent us already.
 */
function endOnSignals(): { end: () => Promise<void> } {
  const signals = { end: async () => {} };
  let isEnding = false;
  const onSignal = async () => {
    if (isEnding) return;
    isEnding = true;
    console.log("\nStopping ...");
    await signals.end();
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void onSignal());
  if (process.env.npm_lifecycle_event !== undefined) whenOrphaned(() => void onSignal());
  return signals;
}

/** npm runs us below a shell that dies of a signal without passing it on: all that we see is another parent. */
function whenOrphaned(act: () => void): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    act();
  }, PARENT_CHECK_MS);
  watch.unref();
}

async function requireSpace(): Promise<void> {
  await mkdir(HOME, { recursive: true });
  const { bavail, bsize } = await statfs(HOME);
  const free = bavail * bsize;
  if (free >= SPACE_MIN_BYTES) return;
  throw new Error(
    `The disk of ${HOME} is full: ${megabytes(free)} are free, and ${megabytes(SPACE_MIN_BYTES)} are needed.`,
  );
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1e6)} MB`;
}

function tell(sentence: string): void {
  console.log(`${new Date().toISOString()} ${sentence}`);
}

async function introduce(platform: Platform, seconds: number): Promise<void> {
  console.log(`
Tollbooth is ready at ${platform.gatewayUrls.join(" and ")} after ${seconds.toFixed(1)} s. Ctrl-C stops it.

  broker          ${platform.natsUrl}
${platform.natsKeys === keysOf(HOME) ? reporting(keysOf(HOME)) : ""}  data and logs   ${relative(ROOT, HOME)}/ and ${relative(ROOT, HOME)}/logs/
${process.env.AUTH_JWKS_URL === undefined ? await suggestions(platform) : ""}`);
}

/** For whom a broker of ours is there at once. */
function reporting(keys: string): string {
  const seed = relative(ROOT, seedFile(keys, reporterName(TRIAL_SOURCE)));
  return `  reports         ${TRIAL_SOURCE} may report over it, with ${seed}; npm run reporter lets others
`;
}

async function suggestions(platform: Platform): Promise<string> {
  const api = `${platform.gatewayUrl}/api/v1/credits`;
  const json = `-H "Content-Type: application/json"`;
  return `
Tokens for a day (npm run token makes more):

  USER_TOKEN=${await platform.tokenFor("alice", ["user"], TOKEN_TTL_S)}
  ADMIN_TOKEN=${await platform.tokenFor("admin", ["admin"], TOKEN_TTL_S)}

To try, with these two set:

  curl -s ${api}/balance -H "Authorization: Bearer $USER_TOKEN"
  curl -s ${api}/usage/track -H "Authorization: Bearer $USER_TOKEN" ${json} \\
    -d '{"service": "openai", "model": "gpt-4o-mini", "input_tokens": 1200, "output_tokens": 300}'
  curl -s ${api}/allocate -H "Authorization: Bearer $ADMIN_TOKEN" ${json} \\
    -d '{"user_id": "alice", "amount": "25", "source": "invoice 1"}'
`;
}
