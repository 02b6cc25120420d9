/** All SQL of how users want their requests treated. */
import type { Tx } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { z } from "zod";

const SettingsRow = z
  .object({ auto_clamp: z.boolean(), fallback_to_credits: z.boolean() })
  .transform((row) => ({ autoClamp: row.auto_clamp, fallbackToCredits: row.fallback_to_credits }));
export type Settings = z.output<typeof SettingsRow>;

const PRESET: Settings = { autoClamp: false, fallbackToCredits: false };

/** A user's settings. */
export async function readSettings(tx: Tx, userId: string): Promise<Settings> {
  const found = await tx.maybe(
    SettingsRow,
    sql`select auto_clamp, fallback_to_credits from openrouter_settings where user_id = ${userId}`,
  );
  return found ?? PRESET;
}

/** What of the settings is to change; what is undefined stays. */
export type Changes = { readonly [name in keyof Settings]: boolean | undefined };

/** Changes what is named and leaves the rest; answers how it is then. */
export function changeSettings(tx: Tx, userId: string, changes: Changes): Promise<Settings> {
  const [autoClamp, fallbackToCredits] = [changes.autoClamp ?? null, changes.fallbackToCredits ?? null];
  return tx.one(
    SettingsRow,
    sql`insert into openrouter_settings as s (user_id, auto_clamp, fallback_to_credits)
        values (${userId}, coalesce(${autoClamp}::boolean, ${PRESET.autoClamp}), coalesce(${fallbackToCredits}::boolean, ${PRESET.fallbackToCredits}))
        on conflict (user_id) do update set
          auto_clamp = coalesce(${autoClamp}::boolean, s.auto_clamp),
          fallback_to_credits = coalesce(${fallbackToCredits}::boolean, s.fallback_to_credits)
        returning auto_clamp, fallback_to_credits`,
  );
}
