/** Encrypting users' keys anew with the newest of the vault's keys, so that the others can be thrown away. */
import type { Db } from "@tollbooth/shared/db";
import { lockOthers, saveSealed, type Stored } from "./accounts.store.ts";
import { readVaultKeys, type VaultConfig } from "./config.ts";
import { Vault } from "./vault.ts";

export interface Rotated {
  /** The vault's key that encrypts them all now. */
  readonly vaultKeyId: string;
  readonly rotated: number;
  /** Why a key could not be read, one sentence each: its row is left as it is. */
  readonly unreadable: readonly string[];
}

const BATCH_MAX = 100;

/**
 * Encrypts every key anew that the newest of the vault's keys did not encrypt, in transactions of 100. What was done stays
 * done: run again, it goes on where it was. Throws where the settings have no keys.
 */
export async function rotateKeys(db: Db, config: VaultConfig): Promise<Rotated> {
  const vault = new Vault(readVaultKeys(config));
  const unreadable: string[] = [];
  let [rotated, after] = [0, ""];
  for (;;) {
    const found = await db.tx(async (tx) => {
      const stored = await lockOthers(tx, vault.keyId, after, BATCH_MAX);
      const anew = stored.map((key) => sealAnew(vault, key));
      const sealed = anew.filter((key) => typeof key !== "string");
      await saveSealed(tx, sealed);
      return { last: stored.at(-1)?.userId, sealed, failed: anew.filter((key) => typeof key === "string") };
    });
    if (found.last === undefined) return { vaultKeyId: vault.keyId, rotated, unreadable };
    rotated += found.sealed.length;
    unreadable.push(...found.failed);
    after = found.last;
  }
}

function sealAnew(vault: Vault, { userId, sealed }: Stored): Stored | string {
  try {
    return { userId, sealed: vault.seal(userId, vault.open(userId, sealed)) };
  } catch (error) {
    return (error as Error).message;
  }
}
