/** Where users' keys are encrypted and decrypted. Nothing else in the platform can. */
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { decrypt, encrypt, IV_BYTES } from "./fernet.ts";
import { Secret } from "./secret.ts";
import type { VaultKeys } from "./vault-keys.ts";

/** An encrypted key, and which of the vault's keys did it. */
export interface Sealed {
  readonly vaultKeyId: string;
  readonly token: string;
}

/** What is encrypted: a key that was moved to another user's row says whose it is. */
const Content = z.object({ user_id: z.string(), api_key: z.string() });

export class Vault {
  readonly #keys: VaultKeys;

  constructor(keys: VaultKeys) {
    this.#keys = keys;
  }

  /** The id of the key that encrypts from now on. */
  get keyId(): string {
    return this.#keys[0].id;
  }

  /** Encrypts a user's key with the newest of the vault's keys. */
  seal(userId: string, apiKey: Secret): Sealed {
    const [{ id, bytes }] = this.#keys;
    const content: z.input<typeof Content> = { user_id: userId, api_key: apiKey.reveal() };
    const atS = Math.floor(Date.now() / 1000);
    return { vaultKeyId: id, token: encrypt(bytes, JSON.stringify(content), randomBytes(IV_BYTES), atS) };
  }

  /** The key of this user. Throws where the vault has not the key for it, where it was changed, or where it is another user's. */
  open(userId: string, { vaultKeyId, token }: Sealed): Secret {
    const key = this.#keys.find(({ id }) => id === vaultKeyId);
    if (key === undefined) throw new Error(`the vault has no key ${vaultKeyId}, which encrypted the key of ${userId}`);
    const text = decrypt(key.bytes, token);
    if (text === undefined)
      throw new Error(`what is stored as the key of ${userId} was not encrypted by ${vaultKeyId}`);
    const content = Content.parse(JSON.parse(text));
    if (content.user_id !== userId) throw new Error(`what is stored as the key of ${userId} is another user's`);
    return new Secret(content.api_key);
  }
}
