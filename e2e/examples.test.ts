/** The examples, run as their first lines say. What their interpreter is missing for is skipped aloud. */
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, describe, expect, inject, test } from "vitest";
import { listTransactions } from "@tollbooth/shared/contracts/credits";
import { usageSummary } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { freePort } from "@tollbooth/shared/local/ports";
import { seedFile } from "@tollbooth/shared/nkeys";
import { testFolder } from "@tollbooth/shared/testing/find";
import { ROOT } from "../tools/src/checkout.ts";
import { signToken } from "../tools/src/jwt.ts";
import { newUser, type Person } from "./harness/person.ts";

const { gatewayUrl, natsUrl, natsKeys, signing } = inject("platform");
const seed = seedFile(natsKeys ?? "", "reporter-chat");
const { folder, remove } = await testFolder("examples");
afterAll(remove);

const WITHIN_MS = 45_000;

/** What an example prints. Throws what it complains of. */
function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const [interpreter = "", file = ""] = program.split(" ");
  const options = { cwd: folder, env: { ...process.env, ...env }, timeout: WITHIN_MS };
  return new Promise((resolve, reject) => {
    execFile(interpreter, [join(ROOT, "examples", file), ...args], options, (error, out, err) => {
      if (error === null) resolve(out.trim());
      else reject(new Error(`${program} failed: ${out}${err}`, { cause: error }));
    });
  });
}

/** Whether a program is there; where it is not, that is said aloud. */
function has(...command: string[]): boolean {
  const [program = "", ...args] = command;
  const isThere = spawnSync(program, args).status === 0;
  if (!isThere) console.log(`examples: skipped what needs "${command.join(" ")}", which this machine has not`);
  return isThere;
}

async function charged(user: Person, events: number): Promise<void> {
  const lines = () => user.ok(listTransactions, { transaction_type: "usage" });
  expect(await until(async () => (await lines()).length === events, 10_000)).toBe(true);
  expect(await user.ok(usageSummary)).toMatchObject({ total_events: events });
}

const hasPython = has("python3", "--version");
const isPermitted = natsKeys !== undefined;
if (!isPermitted) console.log("examples: reporters skipped, because the broker was given and has other users");

describe.runIf(isPermitted)("a reporter", () => {
  test("in Node reports, is confirmed, and charges nothing when it runs again", async () => {
    const user = await newUser();
    const args = [natsUrl, seed, user.sub, "in-node"];
    expect(await run("node node/report.mjs", args)).toBe("applied");
    expect(await run("node node/report.mjs", args)).toBe("applied");
    await charged(user, 1);
  });

  test.runIf(hasPython)("in Python does the same with the standard library alone", async () => {
    const user = await newUser();
    const args = [natsUrl, seed, "--user", user.sub, "--id", "in-python"];
    expect(await run("python3 python/report.py", args)).toBe("confirmed");
    expect(await run("python3 python/report.py", args)).toBe("confirmed");
    await charged(user, 1);
  });

  test.runIf(hasPython)("in Python keeps what it could not report, and reports it the next time", async () => {
    const user = await newUser();
    const kept = ["--user", user.sub, "--kept", join(folder, "kept.sqlite")];
    const nobody = `nats://127.0.0.1:${await freePort()}`;
    const early = run("python3 python/report.py", [nobody, seed, ...kept, "--id", "early", "--wait", "1"]);
    await expect(early).rejects.toThrow(/not confirmed yet \(.*refused\)/);
    expect(await run("python3 python/report.py", [natsUrl, seed, ...kept, "--id", "later"])).toBe("confirmed");
    await charged(user, 2);
  });

  test.runIf(hasPython)(
    "in Python asks about every event that it keeps, however many older ones nobody knows",
    async () => {
      const user = await newUser();
      const file = join(folder, "many.sqlite");
      const onFile = (statement: string) =>
        execFileSync("python3", ["-c", `import sqlite3; db = sqlite3.connect("${file}"); ${statement}; db.commit()`], {
          encoding: "utf8",
        });
      const kept = ["--user", user.sub, "--kept", file];
      await run("python3 python/report.py", [natsUrl, seed, ...kept, "--id", "first"]);
      const row = `[("nobody", f"lost-{i}", "{}", 1, 1e12) for i in range(501)]`;
      onFile(`db.executemany("insert into kept values (?, ?, ?, ?, ?)", ${row})`);
      const late = run("python3 python/report.py", [natsUrl, seed, ...kept, "--id", "late", "--wait", "5"]);
      await expect(late).rejects.toThrow("not confirmed yet");
      expect(onFile(`print(db.execute("select count(*) from kept").fetchone()[0])`)).toBe("501\n");
      await charged(user, 2);
    },
  );

  test.runIf(hasPython)("of LiteLLM reports each successful request", async () => {
    const user = await newUser();
    const said = await run("python3 litellm/try_callback.py", [natsUrl, seed, user.sub]);
    console.log(`examples: the LiteLLM callback was ${said}`);
    expect(said).toMatch(/^confirmed/);
    await charged(user, 1);
  });

  test.runIf(has("nats", "--version"))("in the shell does the same with the nats command line", async () => {
    const user = await newUser();
    const args = [natsUrl, seed, user.sub, "in-shell"];
    expect(await run("bash shell/report.sh", args)).toBe("applied");
    await charged(user, 1);
  });
});

test("a client of the REST API in Node sees its balance, its cost and its charge", async () => {
  const user = await newUser();
  const token = await signToken(signing, user.sub, ["user"], 600);
  const said = await run("node node/client.mjs", [gatewayUrl], { USER_TOKEN: token });
  expect(said.split("\n")).toEqual(["before 5.000000000000", "cost   0.000378000000", "after  4.999622000000"]);
});
