/** The vault's keys as they are written in settings: `id:key`, the newest first. Pure. */
import { fromBase64Url, KEY_BYTES } from "./fernet.ts";

export interface VaultKey {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** The first one encrypts, all decrypt. */
export type VaultKeys = readonly [VaultKey, ...VaultKey[]];

/** Ids that begin so are keys of development: a platform in production refuses them, because anybody could have read them. */
const DEVELOPMENT = "dev-";
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const FORM = "it is id:key, with commas or on lines of their own, each key 32 bytes in base64url";

/** Reads keys, the newest first. Throws one sentence where they are none; it never tells what was written. */
export function parseVaultKeys(text: string): VaultKeys {
  const keys = text
    .split(/[\s,]+/)
    .filter((part) => part !== "")
    .map(parseKey);
  const [first, ...rest] = keys;
  if (first === undefined) throw new Error(`no key is given: ${FORM}`);
  if (new Set(keys.map(({ id }) => id)).size < keys.length) throw new Error("two keys have one id");
  return [first, ...rest];
}

/** The id of a key that production must not use, if there is one. */
export function developmentKey(keys: VaultKeys): string | undefined {
  return keys.find(({ id }) => id.startsWith(DEVELOPMENT))?.id;
}

function parseKey(part: string, i: number): VaultKey {
  const [id = "", key = "", ...more] = part.split(":");
  const bytes = fromBase64Url(key);
  if (!ID.test(id) || bytes?.length !== KEY_BYTES || more.length > 0)
    throw new Error(`key ${i + 1} is not one: ${FORM}`);
  return { id, bytes };
}
