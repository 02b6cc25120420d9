/** All SQL of users on their way to OpenRouter's page and back. */
import type { Tx } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { z } from "zod";
import type { Sealed } from "./vault.ts";

const LINK_LIFE_MINUTES = 10;

export interface Link {
  readonly userId: string;
  readonly state: string;
  /** The verifier. */
  readonly sealed: Sealed;
}

/** Begins a user's way, in the place of the one he was on; answers until when, in milliseconds since 1970. */
export async function saveLink(tx: Tx, { userId, state, sealed }: Link): Promise<number> {
  const { expires_at } = await tx.one(
    z.object({ expires_at: z.number() }),
    sql`insert into openrouter_links (user_id, state, vault_key_id, sealed_verifier, expires_at)
        values (${userId}, ${state}, ${sealed.vaultKeyId}, ${sealed.token}, clock_timestamp() + make_interval(mins => ${LINK_LIFE_MINUTES}))
        on conflict (user_id) do update set
          state = excluded.state, vault_key_id = excluded.vault_key_id, sealed_verifier = excluded.sealed_verifier, expires_at = excluded.expires_at
        returning expires_at`,
  );
  return expires_at;
}

const LinkRow = z
  .object({ vault_key_id: z.string(), sealed_verifier: z.string() })
  .transform((row): Sealed => ({ vaultKeyId: row.vault_key_id, token: row.sealed_verifier }));

/** Ends a user's way, once: its verifier; undefined where he is on none with this state, or too late. */
export function takeLink(tx: Tx, userId: string, state: string): Promise<Sealed | undefined> {
  return tx.maybe(
    LinkRow,
    sql`delete from openrouter_links where user_id = ${userId} and state = ${state} and expires_at > clock_timestamp()
        returning vault_key_id, sealed_verifier`,
  );
}

/** Forgets the ways that nobody came back from. */
export async function forgetLinks(tx: Tx): Promise<void> {
  await tx.run(sql`delete from openrouter_links where expires_at <= clock_timestamp()`);
}
