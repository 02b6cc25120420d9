/** Who pays for a request: the user's own key where he has connected one, else his credits by the platform's key. */
import type { Payer as PayerName } from "@tollbooth/shared/contracts/exchanges";
import type { Tx } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import type { z } from "zod";
import { readAccount, type Account } from "./accounts.store.ts";
import { keyRefused } from "./refusal.ts";
import type { Secret } from "./secret.ts";
import { readSettings } from "./settings.store.ts";
import type { Vault } from "./vault.ts";

/** Whose key OpenRouter is asked with. */
export type Payer =
  | { readonly name: "byok"; readonly apiKey: Secret; readonly account: Account }
  | { readonly name: "managed"; readonly apiKey: Secret };

/** The keys that there are. */
export interface Keys {
  readonly db: Tx;
  readonly vault: Vault;
  /** The platform's own; undefined where it has none. */
  readonly managedKey: Secret | undefined;
}

const CONNECT = "connect a key of your own with POST /api/v1/credits/openrouter/create-account";

/**
 * Who pays. A key that OpenRouter no longer takes is refused (`key_refused`), and not passed over: credits pay where the
 * user has connected no key, where the client insists, or where the user's settings say so.
 */
export async function choosePayer(keys: Keys, userId: string, wanted?: z.output<typeof PayerName>): Promise<Payer> {
  const account = wanted === "managed" ? undefined : await readAccount(keys.db, userId);
  if (account?.isActive === true) return { name: "byok", apiKey: keys.vault.open(userId, account.sealed), account };
  if (account !== undefined && !(await fallsBack(keys, userId, wanted))) throw keyRefused();
  if (wanted === "byok") throw new Fault("key_refused", "there is no OpenRouter key of yours", { fix: CONNECT });
  if (keys.managedKey === undefined)
    throw new Fault("key_refused", "this platform has no OpenRouter key that your credits could pay for", {
      fix: CONNECT,
    });
  return { name: "managed", apiKey: keys.managedKey };
}

/** Whether credits pay where OpenRouter does not serve the user's own key: he wants it so, and the client does not insist. */
export async function fallsBack(
  { db }: Pick<Keys, "db">,
  userId: string,
  wanted: z.output<typeof PayerName> | undefined,
): Promise<boolean> {
  return wanted === undefined && (await readSettings(db, userId)).fallbackToCredits;
}

/** The key that a request was sent with; undefined where it is not there any more. */
export async function keyOf(
  { db, vault, managedKey }: Keys,
  userId: string,
  payer: Payer["name"],
): Promise<Secret | undefined> {
  if (payer === "managed") return managedKey;
  const account = await readAccount(db, userId);
  return account && vault.open(userId, account.sealed);
}
