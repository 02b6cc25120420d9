/** All SQL of users' connections to OpenRouter. */
import { z } from "zod";
import type { Tx } from "@tollbooth/shared/db";
import { MoneyText, print, type Money } from "@tollbooth/shared/money";
import { sql, table } from "@tollbooth/shared/sql";
import type { Sealed } from "./vault.ts";

const AccountRow = z
  .object({
    user_id: z.string(),
    connection_id: z.uuid(),
    email: z.string().nullable(),
    account_id: z.string().nullable(),
    vault_key_id: z.string(),
    sealed_key: z.string(),
    key_hint: z.string(),
    free_credits_remaining: MoneyText.nullable(),
    is_active: z.boolean(),
    last_synced: z.number(),
    created_at: z.number(),
    updated_at: z.number(),
  })
  .transform((row) => ({
    userId: row.user_id,
    connectionId: row.connection_id,
    email: row.email,
    accountId: row.account_id,
    sealed: { vaultKeyId: row.vault_key_id, token: row.sealed_key },
    keyHint: row.key_hint,
    remaining: row.free_credits_remaining,
    isActive: row.is_active,
    lastSynced: row.last_synced,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }));
export type Account = z.output<typeof AccountRow>;

const COLUMNS = sql`user_id, connection_id, email, account_id, vault_key_id, sealed_key, key_hint, free_credits_remaining, is_active, last_synced, created_at, updated_at`;

export interface Connection {
  readonly userId: string;
  readonly connectionId: string;
  readonly email: string | null;
  readonly accountId: string | null;
  readonly sealed: Sealed;
  readonly keyHint: string;
  readonly remaining: Money | null;
}

/** Connects a user, in the place of the connection he had. */
export function saveConnection(tx: Tx, connection: Connection): Promise<Account> {
  const { userId, connectionId, email, accountId, sealed, keyHint, remaining } = connection;
  return tx.one(
    AccountRow,
    sql`insert into openrouter_accounts
          (user_id, connection_id, email, account_id, vault_key_id, sealed_key, key_hint, free_credits_remaining, last_synced, created_at)
        select ${userId}, ${connectionId}::uuid, ${email}, ${accountId}, ${sealed.vaultKeyId}, ${sealed.token}, ${keyHint}, ${textOf(remaining)}::numeric, now, now
        from clock_timestamp() as now
        on conflict (user_id) do update set
          connection_id = excluded.connection_id, email = excluded.email, account_id = excluded.account_id,
          vault_key_id = excluded.vault_key_id, sealed_key = excluded.sealed_key, key_hint = excluded.key_hint,
          free_credits_remaining = excluded.free_credits_remaining, is_active = true,
          last_synced = greatest(excluded.last_synced, openrouter_accounts.created_at)
        returning ${COLUMNS}`,
  );
}

/** A user's connection. */
export function readAccount(tx: Tx, userId: string): Promise<Account | undefined> {
  return tx.maybe(AccountRow, sql`select ${COLUMNS} from openrouter_accounts where user_id = ${userId}`);
}

/** What OpenRouter told of a connection; undefined where the user has another one by now, or none. */
export function saveSync(
  tx: Tx,
  { userId, connectionId }: Pick<Account, "userId" | "connectionId">,
  { isActive, remaining }: Pick<Account, "isActive" | "remaining">,
): Promise<Account | undefined> {
  return tx.maybe(
    AccountRow,
    sql`update openrouter_accounts
        set is_active = ${isActive}, free_credits_remaining = ${textOf(remaining)}::numeric, last_synced = greatest(clock_timestamp(), created_at)
        where user_id = ${userId} and connection_id = ${connectionId} returning ${COLUMNS}`,
  );
}

/** Forgets a user's connection; answers whether there was one. */
export async function deleteAccount(tx: Tx, userId: string): Promise<boolean> {
  return (await tx.run(sql`delete from openrouter_accounts where user_id = ${userId}`)) === 1;
}

/** A key in its row. */
export interface Stored {
  readonly userId: string;
  readonly sealed: Sealed;
}

const StoredRow = z
  .object({ user_id: z.string(), vault_key_id: z.string(), sealed_key: z.string() })
  .transform((row): Stored => ({
    userId: row.user_id,
    sealed: { vaultKeyId: row.vault_key_id, token: row.sealed_key },
  }));

/** Locks keys that another of the vault's keys encrypted, of users after this one, in their order. */
export function lockOthers(tx: Tx, vaultKeyId: string, afterUserId: string, limit: number): Promise<Stored[]> {
  return tx.many(
    StoredRow,
    sql`select user_id, vault_key_id, sealed_key from openrouter_accounts
        where vault_key_id <> ${vaultKeyId} and user_id > ${afterUserId} order by user_id limit ${limit} for update`,
  );
}

/** Writes keys that were encrypted anew. */
export async function saveSealed(tx: Tx, keys: readonly Stored[]): Promise<void> {
  const columns = { user_id: "text", vault_key_id: "text", sealed_key: "text" };
  const rows = keys.map(({ userId, sealed }) => ({
    user_id: userId,
    vault_key_id: sealed.vaultKeyId,
    sealed_key: sealed.token,
  }));
  await tx.run(
    sql`update openrouter_accounts a set vault_key_id = r.vault_key_id, sealed_key = r.sealed_key
        from ${table(columns, rows)} as r (user_id, vault_key_id, sealed_key) where a.user_id = r.user_id`,
  );
}

/** Answers are kept by the database's clock, which is one for all replicas. */
export async function clockMs(tx: Tx): Promise<number> {
  return (await tx.one(z.object({ now: z.number() }), sql`select clock_timestamp() as now`)).now;
}

function textOf(remaining: Money | null): string | null {
  return remaining === null ? null : print(remaining);
}
