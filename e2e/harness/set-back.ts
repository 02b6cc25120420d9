/** One database of a running platform goes back to an earlier moment, the others do not. */
import { rolesOf, type Owner } from "../../tools/src/databases.ts";
import { serverDb, type Own } from "./platform.ts";

/** Sets a service's database back to the moment before `meanwhile`; the service is stopped at both. */
export async function setBack({ platform, reach }: Own, owner: Owner, meanwhile: () => Promise<void>): Promise<void> {
  const { database } = rolesOf(owner);
  const postgres = await serverDb(reach.folder);
  const command = async (text: string) => void (await postgres.run({ text, values: [] }));
  const without = async (work: () => Promise<void>) => {
    await platform.part(owner).stop();
    await command(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`);
    await work();
    await platform.part(owner).start();
    await platform.ready();
  };
  try {
    await without(() => command(`create database earlier template ${database}`));
    await meanwhile();
    await without(async () => {
      await command(`drop database ${database} with (force)`);
      await command(`alter database earlier rename to ${database}`);
    });
  } finally {
    await postgres.close();
  }
}
