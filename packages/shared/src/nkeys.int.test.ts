import { execFileSync, spawnSync } from "node:child_process";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { openBus, type Bus } from "./bus.ts";
import { startNats, type LocalNats } from "./local/nats.ts";
import { freePort } from "./local/ports.ts";
import { openLog } from "./log.ts";
import { newKeyPair, seedFile } from "./nkeys.ts";
import { testFolder } from "./testing/find.ts";

const canTry = inject("servers").nats.kind === "program" && spawnSync("openssl", ["version"]).status === 0;
if (!canTry) console.log("TLS to the broker: skipped, because openssl or nats-server is not there");
const { folder, remove } = await testFolder("tls");
const [ours, strangers] = [join(folder, "ours"), join(folder, "strangers")];
const logFile = join(folder, "log");
const { seed, publicKey } = newKeyPair();
const brokers: LocalNats[] = [];
let tls: LocalNats;
let plain: LocalNats;

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
}

/** An authority, and what it vouches for: a broker on localhost and the user credits. */
async function makeAuthority(home: string): Promise<void> {
  await mkdir(home);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  const at = (name: string) => join(home, name);
  openssl("req", "-x509", ...key, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-subj", `/CN=${basename(home)}`);
  for (const name of ["broker", "credits"]) {
    const signed = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-addext", "subjectAltName=DNS:localhost"];
    const files = ["-keyout", at(`${name}.key`), "-out", at(`${name}.crt`), "-subj", `/CN=${name}`];
    openssl("req", "-x509", ...key, ...signed, "-addext", "basicConstraints=critical,CA:FALSE", ...files);
  }
  await writeFile(seedFile(home, "credits"), seed);
}

/** A broker that knows one user, and takes only whom our authority vouches for where it has a certificate. */
async function start(name: string, more: string): Promise<LocalNats> {
  const usersFile = join(folder, `${name}.users`);
  await writeFile(usersFile, `authorization { users: [{ nkey: ${publicKey} }] }\n${more}`);
  const files = { storeDir: join(folder, name), logFile, usersFile };
  const broker = await startNats({ ...files, port: await freePort() });
  brokers.push(broker);
  return broker;
}

describe.runIf(canTry)("a broker with certificates", () => {
  beforeAll(async () => {
    for (const home of [ours, strangers]) await makeAuthority(home);
    const files = { cert_file: "broker.crt", key_file: "broker.key", ca_file: "ca.pem" };
    const lines = Object.entries(files).map(([name, file]) => `${name}: ${JSON.stringify(join(ours, file))}`);
    tls = await start("tls", `tls { ${lines.join(", ")}, verify: true }\n`);
    plain = await start("plain", "");
  });
  afterAll(async () => {
    await Promise.all(brokers.map((broker) => broker.stop()));
    await remove();
  });

  async function come(keys: string, { port }: LocalNats): Promise<Bus> {
    const url = `tls://localhost:${port}`;
    const bus = await openBus({ url, keys, name: "credits", log: openLog("test", "silent") });
    onTestFinished(() => bus.connection.close());
    return bus;
  }

  test("takes a service with a certificate of the same authority", async () => {
    const { connection } = await come(ours, tls);
    await connection.flush();
    expect(connection.info?.tls_verify).toBe(true);
  });

  test("is not believed by a service of another authority", async () => {
    await expect(come(strangers, tls)).rejects.toThrow("unable to verify the first certificate");
  });

  test("takes no service that shows no certificate, or one of another authority", async () => {
    const [bare, foreign] = [join(folder, "bare"), join(folder, "foreign")];
    for (const home of [bare, foreign]) {
      await mkdir(home);
      await copyFile(join(ours, "ca.pem"), join(home, "ca.pem"));
      await copyFile(seedFile(ours, "credits"), seedFile(home, "credits"));
    }
    for (const name of ["credits.crt", "credits.key"]) await copyFile(join(strangers, name), join(foreign, name));
    const came = await Promise.allSettled([bare, foreign].map((home) => come(home, tls)));
    expect(came.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    // The client hears nothing and gives up; why is in the broker's log.
    const log = await readFile(logFile, "utf8");
    expect(log).toContain("client didn't provide a certificate");
    expect(log).toContain("certificate signed by unknown authority");
  });

  test("is never replaced by one that speaks in the clear", async () => {
    await expect(come(ours, plain)).rejects.toThrow("does not answer: tls");
  });
});
