import { execFile } from "node:child_process";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { openBus, type Bus } from "@tollbooth/shared/bus";
import { until } from "@tollbooth/shared/local/condition";
import { reloadNats, startNats } from "@tollbooth/shared/local/nats";
import { freePort } from "@tollbooth/shared/local/ports";
import { openLog } from "@tollbooth/shared/log";
import { newKeyPair, seedFile } from "@tollbooth/shared/nkeys";
import { testFolder } from "@tollbooth/shared/testing/find";
import { ROOT } from "../checkout.ts";
import { refusalsIn } from "../testing/refusals.ts";
import { addReporter, openUsers, removeReporter } from "./keys.ts";

// Users are for a broker that we start.
const { nats } = inject("servers");
const isOurs = nats.kind === "program";
if (!isOurs) console.log("reporters on the broker: skipped, because the tests have no nats-server to start");
const { folder, remove } = await testFolder("reporters");
const keys = join(folder, "broker");
const storeDir = join(folder, "store");
const logFile = join(folder, "log");
const usersFile = await openUsers(keys);
const broker = isOurs ? await startNats({ storeDir, port: await freePort(), logFile, usersFile }) : undefined;
afterAll(async () => {
  await broker?.stop();
  await remove();
});

async function as(name: string, of = keys): Promise<Bus> {
  const bus = await openBus({ url: broker?.url ?? "", keys: of, name, log: openLog("test", "silent") });
  onTestFinished(() => bus.connection.close());
  return bus;
}

const reload = () => reloadNats({ storeDir, logFile });

describe.runIf(isOurs)("a reporter", () => {
  test("that is added while the broker runs is in, and nobody else loses his connection", async () => {
    const credits = await as("credits");
    let losses = 0;
    credits.onReconnect(() => losses++);
    await addReporter(keys, "late");
    expect(await reload()).toBe(true);
    await as("reporter-late");
    await credits.connection.flush();
    expect(losses).toBe(0);
  });

  test("that is removed loses his connection and does not come in again", async () => {
    await addReporter(keys, "gone");
    await reload();
    const bus = await as("reporter-gone");
    expect(await removeReporter(keys, "gone")).toBe(true);
    await reload();
    expect(await until(() => !bus.connected(), 5_000)).toBe(true);
    await expect(as("reporter-gone")).rejects.toThrow("there is no seed");
    expect(await removeReporter(keys, "gone")).toBe(false);
  });

  test("may bring a public key of his own, and nobody here has its seed", async () => {
    const { publicKey } = newKeyPair();
    await addReporter(keys, "own", publicKey);
    expect(await readFile(usersFile, "utf8")).toContain(publicKey);
    await expect(stat(seedFile(keys, "reporter-own"))).rejects.toThrow("ENOENT");
    await addReporter(keys, "another");
    expect(await readFile(usersFile, "utf8")).toContain(publicKey);
  });

  test.each([
    { name: "two tokens", source: "a.b", says: "letters, digits" },
    { name: "everybody", source: "*", says: "letters, digits" },
    { name: "what people report over REST", source: "user", says: "belongs to Tollbooth" },
    { name: "a service of ours", source: "credits", says: "belongs to Tollbooth" },
  ])("cannot be $name", async ({ source, says }) => {
    await expect(addReporter(keys, source)).rejects.toThrow(says);
  });

  test("cannot be let in by something that is no public key", async () => {
    const { seed, publicKey } = newKeyPair();
    const mistyped = publicKey.slice(0, -1) + (publicKey.endsWith("A") ? "B" : "A");
    for (const wrong of [seed, mistyped, 'U" } '])
      await expect(addReporter(keys, "wrong", wrong)).rejects.toThrow("is no public key of a user");
  });
});

test.runIf(isOurs)("a service that gets a new key comes back with it, also where the broker had it first", async () => {
  const usage = await as("usage");
  const file = seedFile(keys, "usage");
  const old = await readFile(file, "utf8");
  await Promise.all([rm(file), rm(join(keys, "usage.pub"))]);
  await openUsers(keys);
  const fresh = await readFile(file, "utf8");
  await writeFile(file, old);
  const before = (await refusalsIn(logFile)).length;
  await reload();
  expect(await until(async () => (await refusalsIn(logFile)).length >= before + 3, 10_000)).toBe(true);
  expect(usage.connected()).toBe(false);
  await writeFile(file, fresh);
  expect(await until(() => usage.connected(), 10_000)).toBe(true);
  await usage.connection.flush();
});

test("only its owner can read a seed, and a key that is there is kept", async () => {
  const before = await readFile(seedFile(keys, "credits"), "utf8");
  await openUsers(keys);
  expect(await readFile(seedFile(keys, "credits"), "utf8")).toBe(before);
  const { mode } = await stat(seedFile(keys, "credits"));
  expect(mode & 0o077).toBe(0);
});

test.runIf(isOurs)("users that the broker cannot read are told in its words, and the old ones stay", async () => {
  const before = await readFile(usersFile, "utf8");
  await writeFile(usersFile, "authorization { users: [ { nkey: nonsense");
  await expect(reload()).rejects.toThrow("The broker did not read its users anew.");
  await as("gateway");
  await writeFile(usersFile, before);
  expect(await reload()).toBe(true);
});

test.runIf(isOurs)(
  "the broker takes the configuration that containers give it, with the users that we make",
  async () => {
    const home = join(folder, "container");
    await openUsers(join(home, "users"));
    // The server of this machine may be older than that of the containers, and not know this word.
    const text = (await readFile(join(ROOT, "nats/nats.conf"), "utf8")).replace(/^ *sync_interval:.*$/m, "");
    await writeFile(join(home, "nats.conf"), text);
    const { stderr } = await promisify(execFile)(isOurs ? nats.path : "", ["-t", "-c", join(home, "nats.conf")]);
    expect(stderr).toContain("is valid");
  },
);
