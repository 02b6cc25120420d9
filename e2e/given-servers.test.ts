import { access } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { getBalance } from "@tollbooth/shared/contracts/credits";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { findBroker, findPostgres, testFolder } from "@tollbooth/shared/testing/find";
import { openBroker } from "@tollbooth/shared/testing/nats";
import { administer, urlOf } from "@tollbooth/shared/testing/postgres";
import {
  auditSetting,
  databaseSetting,
  databaseUrlsOf,
  forEachOwner,
  OWNERS,
  type Owner,
} from "../tools/src/databases.ts";
import { Platform } from "../tools/src/platform.ts";
import { breaches } from "./harness/books.ts";
import { Person, somebody } from "./harness/person.ts";
import { signingIn, unset } from "./harness/platform.ts";
import { SMALL_POOLS } from "./harness/prepared.ts";
import { toolWith } from "./harness/tool.ts";

const { folder, remove } = await testFolder("given");
const postgres = await findPostgres();
const broker = await openBroker(await findBroker());
const password = () => forEachOwner(() => somebody("password"));
const restricted = databaseUrlsOf(postgres.url, { service: password(), audit: password() });
const addresses = Object.fromEntries(
  OWNERS.flatMap((owner) => [
    [databaseSetting(owner), restricted.databaseUrls[owner]],
    [auditSetting(owner), restricted.auditUrls[owner]],
  ]),
);
const migrate = (settings: NodeJS.ProcessEnv) => toolWith(settings, folder, "migrate");
const migrated = await migrate({ ...addresses, POSTGRES_URL: postgres.url });
const owned = await ownedDatabases();
afterAll(async () => {
  await broker.close();
  await postgres.close();
  await remove();
});

/** One role a database, to which all in it belongs: what somebody gives who knows nothing of our roles. */
async function ownedDatabases(): Promise<Record<Owner, string>> {
  const urls: [Owner, string][] = [];
  for (const owner of OWNERS) {
    const role = `owned_${owner}`;
    await administer(postgres.url, `create role ${role} login password 'owned'`);
    await administer(postgres.url, `create database ${role} owner ${role}`);
    const url = new URL(urlOf(postgres.url, role));
    [url.username, url.password] = [role, "owned"];
    urls.push([owner, url.href]);
  }
  return Object.fromEntries(urls) as Record<Owner, string>;
}

function given(databases: Readonly<Record<Owner, string>>): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...unset(), ...SMALL_POOLS, NATS_URL: broker.url };
  for (const owner of OWNERS) env[databaseSetting(owner)] = databases[owner];
  return env;
}

/** Starts a platform with given servers, works with it and ends it; answers who has used it, and what is wrong with the books. */
async function worksWith(databases: Readonly<Record<Owner, string>>, audit: Readonly<Record<Owner, string>>) {
  const platform = await Platform.start({ folder, env: given(databases) });
  const { gatewayUrl, natsUrl, databaseUrls } = platform;
  expect([natsUrl, databaseUrls]).toEqual([broker.url, databases]);
  const signing = await signingIn(folder);
  const user = await Person.of(somebody(), ["user"], { gatewayUrl, signing });
  await user.ok(trackUsage, { service: "chat", cost: "1" });
  expect(await until(async () => (await user.ok(getBalance)).balance === "4.000000000000", 10_000)).toBe(true);
  const wrong = await breaches(audit);
  for (const part of ["postgres", "nats"] as const) {
    expect(() => platform.part(part)).toThrow(`${part} was not started here: its address was given`);
    await expect(access(join(folder, part))).rejects.toThrow("ENOENT");
  }
  await platform.stop();
  return { sub: user.sub, signing, wrong };
}

test("given databases that were made ready for restricted roles and a broker, the platform works with them, starts none of its own, and finds its data again", async () => {
  const { sub, signing, wrong } = await worksWith(restricted.databaseUrls, restricted.auditUrls);
  expect(wrong).toEqual([]);
  const again = await Platform.start({ folder, env: given(restricted.databaseUrls) });
  const sameUser = await Person.of(sub, ["user"], { gatewayUrl: again.gatewayUrl, signing });
  expect(await sameUser.ok(getBalance)).toMatchObject({ balance: "4.000000000000" });
  await again.stop();
});

test("given empty databases, each with the role that owns it, the platform works with them and starts none of its own", async () => {
  expect((await worksWith(owned, owned)).wrong).toEqual([]);
});

test("npm run migrate makes databases and roles, can be repeated, and says in one sentence what it lacks", async () => {
  const made =
    "tollbooth_credits: tollbooth_credits_owner owns it, tollbooth_credits uses it, tollbooth_credits_audit reads it";
  expect([migrated.code, migrated.err, migrated.out]).toEqual([0, "", expect.stringContaining(made)]);
  expect(await migrate({ ...addresses, POSTGRES_URL: postgres.url })).toEqual(migrated);
  const said = async (settings: NodeJS.ProcessEnv) => {
    const { code, out, err } = await migrate(settings);
    return `${code} ${out}${err}`;
  };
  expect(await said(addresses)).toBe("1 POSTGRES_URL is not set: npm run migrate -- --help says what is needed.\n");
  expect(await said({ ...addresses, POSTGRES_URL: postgres.url, CREDITS_DATABASE_URL: owned.credits })).toBe(
    "1 CREDITS_DATABASE_URL must be of role tollbooth_credits with a password, and of database tollbooth_credits.\n",
  );
});

test("an address where no database answers is told in one sentence", async () => {
  const nowhere = urlOf("postgres://u:p@127.0.0.1:1/postgres", "credits");
  const env = { ...given(owned), CREDITS_DATABASE_URL: nowhere };
  await expect(Platform.start({ folder, env })).rejects.toThrow(
    /^CREDITS_DATABASE_URL is set, but nobody answers at 127\.0\.0\.1:1\.$/,
  );
});
