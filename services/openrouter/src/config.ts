/** The settings of the openrouter service. */
import { readFileSync } from "node:fs";
import {
  commonSettings,
  databaseSettings,
  metricsSettings,
  setting,
  WholeNumber,
  type Config,
} from "@tollbooth/shared/config";
import { z } from "zod";
import { developmentKey, parseVaultKeys, type VaultKeys } from "./vault-keys.ts";

export const settings = {
  ...commonSettings,
  ...databaseSettings("OPENROUTER"),
  ...metricsSettings("OPENROUTER"),
  OPENROUTER_BASE_URL: setting(
    "address of OpenRouter's API",
    z
      .url({ protocol: /^https?$/, error: "an http(s):// address" })
      .default("https://openrouter.ai/api/v1")
      .transform((url) => url.replace(/\/+$/, "")),
  ),
  OPENROUTER_API_KEY: setting(
    "the platform's own key, which users' credits pay for; without it only users' own keys are served",
    z.string().min(1).optional(),
  ),
  OPENROUTER_CALLBACK_URL: setting(
    "the page of the users' app that OpenRouter sends them back to; without it keys are pasted",
    z.url({ protocol: /^https?$/, error: "an http(s):// address" }).optional(),
  ),
  OPENROUTER_IN_HAND_S: setting(
    "how long a request is left to its process after that last said that it has it in its hands",
    WholeNumber(3, 600, 30),
  ),
  OPENROUTER_VAULT_KEYS: setting(
    "keys that encrypt users' keys, id:key with commas, the newest first; this or OPENROUTER_VAULT_KEYS_FILE",
    z.string().optional(),
  ),
  OPENROUTER_VAULT_KEYS_FILE: setting("a file with these keys; this or OPENROUTER_VAULT_KEYS", z.string().optional()),
  NODE_ENV: setting("`production` refuses keys of development", z.string().optional()),
};

/** What is needed of the settings to open the vault. */
export type VaultConfig = Pick<
  Config<typeof settings>,
  "OPENROUTER_VAULT_KEYS" | "OPENROUTER_VAULT_KEYS_FILE" | "NODE_ENV"
>;

/** The vault's keys. Throws one Error that says what is missing or wrong, and never a key. */
export function readVaultKeys(config: VaultConfig): VaultKeys {
  const { OPENROUTER_VAULT_KEYS: text, OPENROUTER_VAULT_KEYS_FILE: file } = config;
  if ((text === undefined) === (file === undefined))
    throw wrong("exactly one of OPENROUTER_VAULT_KEYS and OPENROUTER_VAULT_KEYS_FILE must be set");
  const name = text === undefined ? "OPENROUTER_VAULT_KEYS_FILE" : "OPENROUTER_VAULT_KEYS";
  let keys: VaultKeys;
  try {
    keys = parseVaultKeys(text ?? readFileSync(file ?? "", "utf8"));
  } catch (error) {
    throw wrong(`${name}: ${(error as Error).message}`);
  }
  const forDevelopment = developmentKey(keys);
  if (config.NODE_ENV === "production" && forDevelopment !== undefined)
    throw wrong(`${name} has a key of development (${forDevelopment}) and NODE_ENV is production`);
  return keys;
}

function wrong(what: string): Error {
  return new Error(`settings are missing or wrong:\n  ${what}`);
}
