/**
 * The broker's users in one folder: of each `<user>.pub`, the public key, and `<user>.nk`, the seed, which only the folder's
 * owner can read. A seed may move to where it is used. `users.conf` is what the broker reads.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isPublicKey, newKeyPair, seedFile } from "@tollbooth/shared/nkeys";
import { ourUsers, reporterMay, reporterName, type Permissions } from "./permissions.ts";
import { printUsers } from "./users-file.ts";

/** The reporter that every platform has from the start, for trying. */
export const TRIAL_SOURCE = "chat";

/** A token of a subject. */
const SOURCE = /^[A-Za-z0-9_-]{1,64}$/;
/** What people report over REST, and what our own services report. */
const TAKEN = new Set(["user", ...ourUsers().keys()]);
const REPORTER_FILE = new RegExp(`^${reporterName("(.+)")}\\.pub$`);

/** Makes a key for each of our users that has none, and the broker's file of all users. Answers the file's path. */
export async function openUsers(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const name of [...ourUsers().keys(), reporterName(TRIAL_SOURCE)]) await makeKey(folder, name);
  return writeUsers(folder);
}

/** Lets somebody report as a source: with the public key that he gives, or with a new one whose seed lies in the folder. Throws one sentence where the name cannot be. */
export async function addReporter(folder: string, source: string, publicKey?: string): Promise<void> {
  if (!SOURCE.test(source)) throw new Error("A source is 1 to 64 letters, digits, - and _.");
  if (TAKEN.has(source)) throw new Error(`The source ${source} belongs to Tollbooth itself: choose another name.`);
  if (publicKey !== undefined && !isPublicKey(publicKey))
    throw new Error(`${publicKey} is no public key of a user: those begin with U and have 56 characters.`);
  await mkdir(folder, { recursive: true });
  if (publicKey === undefined) await makeKey(folder, reporterName(source));
  else await writeFile(publicFile(folder, reporterName(source)), `${publicKey}\n`);
  await writeUsers(folder);
}

/** Takes a reporter's right away; answers whether he had one. */
export async function removeReporter(folder: string, source: string): Promise<boolean> {
  const name = reporterName(source);
  const isThere = (await readPublic(folder, name)) !== undefined;
  await Promise.all([publicFile(folder, name), seedFile(folder, name)].map((file) => rm(file, { force: true })));
  if (isThere) await writeUsers(folder);
  return isThere;
}

async function writeUsers(folder: string): Promise<string> {
  const reporters = (await readdir(folder)).flatMap((file) => REPORTER_FILE.exec(file)?.[1] ?? []).toSorted();
  const all: [string, Permissions][] = [
    ...ourUsers(),
    ...reporters.map((source): [string, Permissions] => [reporterName(source), reporterMay(source)]),
  ];
  const users = [];
  for (const [name, may] of all) users.push({ name, may, publicKey: (await readPublic(folder, name)) ?? "" });
  const file = join(folder, "users.conf");
  await writeWhole(file, printUsers(users.filter(({ publicKey }) => publicKey !== "")), 0o644);
  return file;
}

async function makeKey(folder: string, name: string): Promise<void> {
  if ((await readPublic(folder, name)) !== undefined) return;
  const { seed, publicKey } = newKeyPair();
  await writeWhole(seedFile(folder, name), seed, 0o600);
  await writeWhole(publicFile(folder, name), `${publicKey}\n`, 0o644);
}

/** Throws one sentence where the file is there and holds no key. */
async function readPublic(folder: string, name: string): Promise<string | undefined> {
  const text = await readFile(publicFile(folder, name), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  if (isPublicKey(text.trim())) return text.trim();
  throw new Error(`${publicFile(folder, name)} is damaged: remove it and the ${name}.nk beside it for a new key.`);
}

/** A reader sees the old file or the new one, never half of it. */
async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  await writeFile(`${file}.draft`, text, { mode });
  await rename(`${file}.draft`, file);
}

function publicFile(folder: string, name: string): string {
  return join(folder, `${name}.pub`);
}
