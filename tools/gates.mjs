/**
 * Every gate that a change must pass: `check` is quick and needs no servers, `test` is all but the suite `long`. Each static
 * gate counts as one, each test as one; the last line is `N passed, N failed`.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const BIN = join(ROOT, "node_modules/.bin");
const QUICK = ["lint", "format", "types", "dead"];
const STATIC = { check: QUICK, test: [...QUICK, "build"] };
/** What needs what was built. Suites of a row run at the same time, with their share of the processors. */
const BUILT = [["integration", "e2e"], ["platforms"]];

/** Runs all gates of a set, also after one has failed, and answers the exit code. Arguments go to vitest. */
export async function runGates(set, args) {
  const tally = { passed: 0, failed: 0, skipped: 0 };
  const failures = [];
  const gates = STATIC[set].map((gate) => staticGate(gate, tally, failures));
  await Promise.all([...gates, testSuite("unit", { args }, tally, failures)]);
  if (set === "test") {
    for (const row of BUILT) {
      const options = { args, share: row.length > 1 ? [`--maxWorkers=${100 / row.length}%`] : [] };
      await Promise.all(row.map((suite) => testSuite(suite, options, tally, failures)));
    }
  }
  // Tests that were asked for, and are in none of these suites, have not passed.
  if (tally.passed + tally.failed + tally.skipped === gates.length) {
    tally.failed += 1;
    failures.push(
      `no test of ${set} matches ${args.join(" ")}; the suite long is run by name: npx vitest run --project long`,
    );
  }
  const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : "";
  // Once more at the end, where whoever has only the end of a long output finds them.
  for (const failure of failures) console.log(`FAILED  ${failure}`);
  console.log(`\n${tally.passed} passed, ${tally.failed} failed${skipped}`);
  return tally.failed === 0 ? 0 : 1;
}

async function staticGate(gate, tally, failures) {
  const begin = performance.now();
  const { code, said } = await run("turbo", ["run", gate, "--output-logs=errors-only"], "collect");
  const time = `${((performance.now() - begin) / 1000).toFixed(1)} s`;
  if (code === 0) {
    tally.passed += 1;
    console.log(`ok      ${gate} (${time})`);
  } else {
    tally.failed += 1;
    failures.push(gate);
    console.log(`${said.trimEnd()}\nFAILED  ${gate} (${time})`);
  }
}

async function testSuite(suite, { args, share = [] }, tally, failures) {
  const folder = await mkdtemp(join(tmpdir(), "tollbooth-report-"));
  const file = join(folder, "report.json");
  // A suite without tests is broken, unless somebody asked for some tests only.
  const some = args.length > 0 ? ["--passWithNoTests", ...args] : [];
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const { code } = await run("vitest", ["run", `--project=${suite}`, ...share, ...reporters, ...some], "show");
  const report = await readFile(file, "utf8").then(JSON.parse, () => undefined);
  await rm(folder, { recursive: true });
  const counts = count(report);
  // A run that failed without a failed test (a set-up, an unhandled error) is a failure all the same.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  if (counts.failed > 0) failures.push(...namesOfFailed(report, suite));
  for (const kind of Object.keys(tally)) tally[kind] += counts[kind];
}

/** A file that could not even be loaded counts as one failed test. */
function count(report) {
  if (report === undefined) return { passed: 0, failed: 0, skipped: 0 };
  const broken = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** The failed tests' names and why, and the suites' own where none has failed. */
function namesOfFailed(report, suite) {
  const names = (report?.testResults ?? []).flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(ROOT, name);
    const failed = assertionResults.filter((each) => each.status === "failed");
    if (status === "failed" && failed.length === 0) return [`${file}: ${message}`];
    return failed.map((each) => `${file} > ${each.fullName}: ${each.failureMessages[0]?.split("\n")[0]}`);
  });
  return names.length > 0 ? names : [`${suite}: the words are above`];
}

async function run(program, args, output) {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" };
  const stdio = output === "show" ? "inherit" : ["ignore", "pipe", "pipe"];
  const child = spawn(join(BIN, program), args, { cwd: ROOT, env, stdio });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => (said += text));
  const code = await new Promise((resolve) => {
    child.once("error", () => resolve(1));
    child.once("close", (ended) => resolve(ended ?? 1));
  });
  return { code, said };
}
