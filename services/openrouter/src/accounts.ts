/** Connecting users to OpenRouter: OpenRouter is asked first, outside of any transaction, and its answer is kept in one. */
import { newId } from "@tollbooth/shared/id";
import type { z } from "zod";
import { printInstant } from "@tollbooth/shared/contract";
import type {
  OpenRouterAccount,
  OpenRouterSettings,
  syncOpenRouterAccount,
} from "@tollbooth/shared/contracts/openrouter";
import type { Db, Tx } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { Reply } from "@tollbooth/shared/handler";
import type { Keyed } from "@tollbooth/shared/idempotency";
import { print, type Money } from "@tollbooth/shared/money";
import { readAccount, saveConnection, saveSync, type Account } from "./accounts.store.ts";
import type { OpenRouter } from "./client.ts";
import { once } from "./once.ts";
import { remainingOf } from "./remaining.ts";
import type { Secret } from "./secret.ts";
import { changeSettings, type Changes, type Settings } from "./settings.store.ts";
import type { Vault } from "./vault.ts";

export interface Connecting {
  readonly db: Db;
  readonly vault: Vault;
  readonly openRouter: OpenRouter;
}

export interface NewConnection {
  readonly userId: string;
  readonly apiKey: Secret;
  readonly email: string | null;
}

const HINT_LENGTH = 4;

/** Connects a user with a key that OpenRouter takes. Throws `invalid_request` where it does not. */
export function connect(connecting: Connecting, asked: NewConnection, key: Keyed | undefined): Promise<Reply> {
  const { db, vault, openRouter } = connecting;
  const { userId, apiKey, email } = asked;
  return once(db, key, async () => {
    const { remaining, accountId } = await inspect(openRouter, apiKey).catch(untaken);
    const connection = {
      userId,
      connectionId: newId(),
      email,
      accountId,
      sealed: vault.seal(userId, apiKey),
      keyHint: apiKey.reveal().slice(-HINT_LENGTH),
      remaining,
    };
    return async (tx) => new Reply(JSON.stringify(tell(await saveConnection(tx, connection))));
  });
}

/** Asks OpenRouter about a user's key and keeps what it tells. Throws `not_found` where he has none. */
export function sync({ db, vault, openRouter }: Connecting, userId: string, key: Keyed | undefined): Promise<Reply> {
  return once(db, key, async () => {
    const account = await known(db, userId);
    const told = await inspect(openRouter, vault.open(userId, account.sealed)).catch(refused);
    const found = { isActive: told !== undefined, remaining: told?.remaining ?? null };
    // Where the user has connected another key meanwhile, that one was asked about later than this one.
    return async (tx) =>
      new Reply(JSON.stringify(tellSync((await saveSync(tx, account, found)) ?? (await known(tx, userId)))));
  });
}

/** A user's connection. Throws `not_found` where he has none. */
export async function known(tx: Tx, userId: string): Promise<Account> {
  const account = await readAccount(tx, userId);
  if (account === undefined) throw notConnected();
  return account;
}

/** The refusal of what needs a connection. */
export function notConnected(): Fault {
  return new Fault("not_found", "there is no connection to OpenRouter", {
    fix: "connect a key with POST /openrouter/create-account",
  });
}

/** An account as it is told: without its key. */
export function tell(account: Account): z.input<typeof OpenRouterAccount> {
  return {
    user_id: account.userId,
    email: account.email,
    account_id: account.accountId,
    free_credits_remaining: printOrNull(account.remaining),
    is_active: account.isActive,
    last_synced: printInstant(account.lastSynced),
    created_at: printInstant(account.createdAt),
    updated_at: printInstant(account.updatedAt),
    key_hint: account.keyHint,
  };
}

function tellSync({
  userId,
  remaining,
  isActive,
  lastSynced,
}: Account): z.input<(typeof syncOpenRouterAccount)["output"]> {
  return {
    user_id: userId,
    free_credits: printOrNull(remaining),
    is_active: isActive,
    last_synced: printInstant(lastSynced),
  };
}

/** What a key may still spend, and whose it is. */
async function inspect(
  openRouter: OpenRouter,
  apiKey: Secret,
): Promise<{ remaining: Money | null; accountId: string | null }> {
  const key = await openRouter.key(apiKey);
  const credits = key.isManagementKey ? await openRouter.credits(apiKey) : undefined;
  return { remaining: remainingOf(key, credits), accountId: key.creatorUserId };
}

function untaken(error: unknown): never {
  if (!isRefusedKey(error)) throw error;
  const message = "is not a key that OpenRouter takes";
  throw new Fault("invalid_request", `api_key ${message}`, { errors: [{ path: "api_key", message }] });
}

function refused(error: unknown): undefined {
  if (!isRefusedKey(error)) throw error;
  return undefined;
}

function isRefusedKey(error: unknown): boolean {
  return error instanceof Fault && error.code === "key_refused";
}

/** Changes what is named of a user's settings. */
export function change(
  db: Db,
  { userId, ...changes }: { readonly userId: string } & Changes,
  key: Keyed | undefined,
): Promise<Reply> {
  return once(db, key, async () => async (tx) => {
    const settings = await changeSettings(tx, userId, changes);
    return new Reply(JSON.stringify(tellSettings(userId, settings)));
  });
}

/** A user's settings as they are told. */
export function tellSettings(
  userId: string,
  { autoClamp, fallbackToCredits }: Settings,
): z.input<typeof OpenRouterSettings> {
  return { user_id: userId, auto_clamp: autoClamp, fallback_to_credits: fallbackToCredits };
}

function printOrNull(amount: Money | null): string | null {
  return amount === null ? null : print(amount);
}
