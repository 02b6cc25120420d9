/** What requests are metered with, on a database, a broker and a fake OpenRouter. */
import { randomUUID } from "node:crypto";
import { OpenRouter } from "../client.ts";
import { toBase64Url } from "../fernet.ts";
import { Guards } from "../guard.ts";
import { Listing } from "../listing.ts";
import type { Models } from "../models.ts";
import { Quotes } from "../quotes.ts";
import { Secret } from "../secret.ts";
import type { Metering } from "../settling.ts";
import { Vault } from "../vault.ts";
import { parseVaultKeys } from "../vault-keys.ts";

/** Vault keys as settings have them. */
export const OLD_KEY = `k1:${toBase64Url(new Uint8Array(32).fill(1))}`;
export const NEW_KEY = `k2:${toBase64Url(new Uint8Array(32).fill(2))}`;

/** The parts of the service, put together as its main does. */
export async function meteringOn({
  url,
  ...ground
}: Pick<Metering, "db" | "bus" | "log"> & { readonly url: string }): Promise<Metering & Models> {
  const openRouter = new OpenRouter(url);
  const listing = new Listing();
  listing.take(await openRouter.models());
  return {
    ...ground,
    openRouter,
    vault: new Vault(parseVaultKeys(OLD_KEY)),
    managedKey: new Secret(newKey("managed")),
    guards: new Guards(),
    quotes: new Quotes(ground.bus),
    listing,
    inHandS: 30,
  };
}

/** A key that nobody had before; the words say what the fake OpenRouter makes of it. */
export function newKey(...words: string[]): string {
  return ["sk-or-v1", ...words, randomUUID()].join("-");
}
