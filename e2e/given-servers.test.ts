import { access } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { getBalance } from "@tollbooth/shared/contracts/credits";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { findBroker, findPostgres, testFolder } from "@tollbooth/shared/testing/find";
import { openBroker } from "@tollbooth/shared/testing/nats";
import { urlOf } from "@tollbooth/shared/testing/postgres";
import { databaseSetting, forEachOwner, makeDatabases, OWNERS } from "../tools/src/databases.ts";
import { Platform } from "../tools/src/platform.ts";
import { breaches } from "./harness/books.ts";
import { Person, somebody } from "./harness/person.ts";
import { signingIn, unset } from "./harness/platform.ts";

const { folder, remove } = await testFolder("given");
const postgres = await findPostgres();
const broker = await openBroker(await findBroker());
const databases = await makeDatabases(
  postgres.url,
  forEachOwner(() => somebody("password")),
);
const given = {
  NATS_URL: broker.url,
  ...Object.fromEntries(OWNERS.map((owner) => [databaseSetting(owner), databases[owner]])),
};
afterAll(async () => {
  await broker.close();
  await postgres.close();
  await remove();
});

test("given databases and a broker, the platform works with them and starts none of its own", async () => {
  const platform = await Platform.start({ folder, env: { ...unset(), ...given } });
  const { gatewayUrl, natsUrl, databaseUrls } = platform;
  expect([natsUrl, databaseUrls]).toEqual([broker.url, databases]);
  const signing = await signingIn(folder);
  const user = await Person.of(somebody(), ["user"], { gatewayUrl, signing });
  await user.ok(trackUsage, { service: "chat", cost: "1" });
  expect(await until(async () => (await user.ok(getBalance)).balance === "4.000000000000", 10_000)).toBe(true);
  expect(await breaches(databases)).toEqual([]);
  for (const part of ["postgres", "nats"] as const) {
    expect(() => platform.part(part)).toThrow(`${part} was not started here: its address was given`);
    await expect(access(join(folder, part))).rejects.toThrow("ENOENT");
  }
  await platform.stop();

  const again = await Platform.start({ folder, env: { ...unset(), ...given } });
  const sameUser = await Person.of(user.sub, ["user"], { gatewayUrl: again.gatewayUrl, signing });
  expect(await sameUser.ok(getBalance)).toMatchObject({ balance: "4.000000000000" });
  await again.stop();
});

test("an address where no database answers is told in one sentence", async () => {
  const nowhere = urlOf("postgres://u:p@127.0.0.1:1/postgres", "credits");
  const env = { ...unset(), ...given, CREDITS_DATABASE_URL: nowhere };
  await expect(Platform.start({ folder, env })).rejects.toThrow(
    /^CREDITS_DATABASE_URL is set, but nobody answers at 127\.0\.0\.1:1\.$/,
  );
});
