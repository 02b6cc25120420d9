/** Who a process is to the broker: a user with a key pair (nkey), of which the broker knows the public half only. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { nkeyAuthenticator, type ConnectionOptions } from "nats";
import { createUser, fromPublic, fromSeed } from "nkeys.js";
import { signNatively } from "./ed25519.ts";

signNatively();

export interface KeyPair {
  /** Shown to nobody: whoever has it is the user. */
  readonly seed: string;
  readonly publicKey: string;
}

type Credentials = Pick<ConnectionOptions, "authenticator" | "inboxPrefix" | "tls" | "user" | "pass">;

/** A new user's key pair. */
export function newKeyPair(): KeyPair {
  const pair = createUser();
  return { seed: new TextDecoder().decode(pair.getSeed()), publicKey: pair.getPublicKey() };
}

/** Whether a text is a user's public key: `U` and 55 characters that add up. */
export function isPublicKey(text: string): boolean {
  try {
    return text.startsWith("U") && fromPublic(text).getPublicKey() === text;
  } catch {
    return false;
  }
}

/** Where a folder of keys keeps a user's seed. */
export function seedFile(keys: string, user: string): string {
  return join(keys, `${user}.nk`);
}

const INBOX = "_INBOX_";

/** Begins the subjects on which a user is answered: nobody else may listen there. */
export function inboxOf(user: string): string {
  return `${INBOX}${user}`;
}

/** Whether a subject is one on which some user is answered. */
export function isInbox(subject: string): boolean {
  return subject.startsWith(INBOX);
}

/**
 * What a user shows the broker. The seed is read anew for each connection, so that a new key needs no restart. Throws where
 * there is none. With a `ca.pem` beside it he talks to no broker that this authority does not vouch for, and never in the
 * clear; with a `<user>.crt` and `<user>.key` he has a certificate to show himself.
 */
export function credentials(keys: string, user: string): Credentials {
  const file = seedFile(keys, user);
  const seed = () => new TextEncoder().encode(readFileSync(file, "utf8").trim());
  try {
    fromSeed(seed());
  } catch (cause) {
    throw new Error(`NATS_KEYS is ${keys}, and there is no seed of the broker's user ${user} in ${file}`, { cause });
  }
  return { authenticator: nkeyAuthenticator(seed), inboxPrefix: inboxOf(user), ...certificates(keys, user) };
}

/** What a broker is shown that is spoken to without a key: the name and the password in its address, where there are any. */
export function credentialsIn(url: string): Credentials {
  const { username, password } = new URL(url.split(",")[0] ?? url);
  return username === "" ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
}

function certificates(keys: string, user: string): Pick<ConnectionOptions, "tls"> {
  const [caFile, certFile, keyFile] = ["ca.pem", `${user}.crt`, `${user}.key`].map((name) => join(keys, name));
  if (caFile === undefined || !existsSync(caFile)) return {};
  return { tls: { caFile, ...(certFile !== undefined && existsSync(certFile) && { certFile, keyFile }) } };
}
