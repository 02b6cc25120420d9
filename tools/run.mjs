/**
 * The door of every npm script: `node tools/run.mjs <name> [arguments]`. On a fresh clone it installs and builds
 * first; then it is quick, because npm's own record and turbo's cache tell that there is nothing to do. It is plain
 * JavaScript and needs nothing but Node, because it runs before anything is there.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const NODE_MIN = [20, 19];
const GATES = new Set(["check", "test"]);
const SIEGES = "test:faults";

const [name, ...args] = process.argv.slice(2);
await open();

async function open() {
  requireNode();
  if (!isInstalled()) await install();
  useHooks();
  if (GATES.has(name)) {
    const { runGates } = await import("./gates.mjs");
    process.exitCode = await runGates(name, args);
    return;
  }
  await build();
  if (name === SIEGES) {
    const { runFaults } = await import("./faults.mjs");
    process.exitCode = await runFaults(args, ROOT, run);
    return;
  }
  const program = name === "bench" ? bench(args.shift()) : join(ROOT, "tools/dist", `${name}.js`);
  if (!existsSync(program)) fail(`There is no "npm run ${name}". There are: ${known().join(", ")}.`);
  // In this very process, so that signals reach the program and nobody else.
  process.argv = [process.execPath, program, ...args];
  await import(pathToFileURL(program).href);
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const isEnough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  if (!isEnough) fail(`Tollbooth needs Node ${NODE_MIN.join(".")} or newer, and this is ${process.version}.`);
}

/** Whether node_modules holds what the lock file says, by the record that npm writes last. */
function isInstalled() {
  const record = join(ROOT, "node_modules/.package-lock.json");
  if (!existsSync(record)) return false;
  const installed = packagesOf(record);
  const wanted = packagesOf(join(ROOT, "package-lock.json"));
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (!path.includes("node_modules/")) return true;
    // Packages for other platforms are never there.
    return installed[path] === undefined ? optional === true : installed[path].version === version;
  });
}

function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, "utf8")).packages;
}

async function install() {
  // What a tool prints is for programs too: what goes before it is told beside it.
  console.error("Installing packages (npm ci) ...");
  // No package of ours needs its install script; those of others are best left off.
  const code = await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
  if (code !== 0) fail("npm ci failed: its words are above.");
}

/** Lets git run .githooks in a checkout whose owner has not chosen other hooks. */
function useHooks() {
  if (process.env.CI !== undefined || !existsSync(join(ROOT, ".git"))) return;
  const chosen = spawnSync("git", ["config", "core.hooksPath"], { cwd: ROOT });
  if (chosen.status === 1) spawnSync("git", ["config", "core.hooksPath", ".githooks"], { cwd: ROOT });
}

async function build() {
  const note = setTimeout(() => console.error("Building ..."), 1500);
  const turbo = join(ROOT, "node_modules/.bin/turbo");
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" };
  const done = spawn(turbo, ["run", "build", "--output-logs=errors-only"], { cwd: ROOT, env });
  let said = "";
  for (const stream of [done.stdout, done.stderr]) stream.on("data", (text) => (said += text));
  const code = await ended(done);
  clearTimeout(note);
  if (code !== 0) fail(`${said}\nThe build failed: its words are above.`);
}

/** A bench is named by its first argument: `npm run bench -- latency`. */
function bench(which) {
  const benches = readdirSync(join(ROOT, "bench/src")).flatMap((file) => /^(.+)\.ts$/.exec(file)?.[1] ?? []);
  if (!benches.includes(which)) fail(`Say which: npm run bench -- <name>. There are: ${benches.join(", ")}.`);
  return join(ROOT, "bench/dist", `${which}.js`);
}

function known() {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const isOurs = (script) => GATES.has(script) || script === SIEGES || existsSync(join(ROOT, `tools/src/${script}.ts`));
  return Object.keys(scripts).filter(isOurs);
}

function run(program, argv, options = {}) {
  return ended(spawn(program, argv, { cwd: ROOT, stdio: "inherit", ...options }));
}

function ended(child) {
  return new Promise((resolve) => {
    child.once("error", (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.once("close", (code) => resolve(code ?? 1));
  });
}

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}
