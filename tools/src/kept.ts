/** What a platform's folder keeps between starts: the ports it found and the secrets it made, once. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { forEachOwner, type Owner, type Passwords } from "./databases.ts";
import { freePort, isFree } from "@tollbooth/shared/local/ports";

/** Secrets that begin so are refused in production. */
const DEVELOPMENT = "dev-";

const Kept = z.object({
  /** Where the gateway was last started. */
  gatewayPort: z.number().optional(),
  postgresPort: z.number(),
  natsPort: z.number(),
  /** Where the brokers of a scaled platform listen; none where it was last started with one. */
  clusterPorts: z.array(z.number()).default([]),
  /** Where its second gateway does. */
  secondGatewayPort: z.number().optional(),
  /** Each service's password for its own database. */
  passwords: z.record(z.string(), z.string()),
  /** The audit's for each of them. */
  auditPasswords: z.record(z.string(), z.string()).default({}),
  jwtSecret: z.string(),
  /** What encrypts users' OpenRouter keys, the newest first. */
  vaultKeys: z.string().optional(),
});

type ByOwner = Readonly<Record<Owner, string>>;
export type Kept = Omit<z.output<typeof Kept>, "passwords" | "auditPasswords"> & {
  readonly passwords: ByOwner;
  readonly auditPasswords: ByOwner;
};

/** What a started platform's folder keeps: whole. */
type Open = Kept & { readonly vaultKeys: string; readonly secondGatewayPort: number };

/** The addresses of the brokers that the folder's platform was last started with. */
export function natsUrlOf({ natsPort, clusterPorts }: Kept): string {
  const ports = clusterPorts.length === 0 ? [natsPort] : clusterPorts;
  return ports.map((port) => `nats://127.0.0.1:${port}`).join(",");
}

/** The passwords of the roles of a kept platform's databases. */
export function passwordsOf({ passwords, auditPasswords }: Kept): Passwords {
  return { service: passwords, audit: auditPasswords };
}

/**
 * Reads what the folder keeps, and makes what is not there yet. A kept port that somebody else took meanwhile is
 * replaced. The file is for its owner's eyes only.
 */
export async function openKept(folder: string, gatewayPort: number, clusterSize: number): Promise<Open> {
  const before = await readKept(folder);
  const clusterPorts: number[] = [];
  for (let i = 0; i < clusterSize; i++) clusterPorts.push(await portOr(before?.clusterPorts[i]));
  const kept: Open = {
    postgresPort: await portOr(before?.postgresPort),
    natsPort: await portOr(before?.natsPort),
    clusterPorts,
    gatewayPort,
    secondGatewayPort: await portOr(before?.secondGatewayPort),
    // A service that is new since gets its password now.
    passwords: forEachOwner((owner) => before?.passwords[owner] ?? secret()),
    auditPasswords: forEachOwner((owner) => before?.auditPasswords[owner] ?? secret()),
    jwtSecret: before?.jwtSecret ?? `${DEVELOPMENT}${secret()}`,
    vaultKeys: before?.vaultKeys ?? `${DEVELOPMENT}1:${secret()}=`,
  };
  await writeKept(folder, kept);
  return kept;
}

/** Writes what a folder keeps: whole, or not at all. */
export async function writeKept(folder: string, kept: Kept): Promise<void> {
  await mkdir(folder, { recursive: true });
  const draft = `${fileOf(folder)}.draft`;
  await writeFile(draft, `${JSON.stringify(kept, undefined, 2)}\n`, { mode: 0o600 });
  await rename(draft, fileOf(folder));
}

/** What the folder keeps; undefined where no platform ran in it yet. Throws one sentence where the file is damaged. */
export async function readKept(folder: string): Promise<Kept | undefined> {
  const text = await readFile(fileOf(folder), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return Kept.parse(JSON.parse(text)) as Kept;
  } catch (error) {
    throw new Error(`${fileOf(folder)} is damaged: remove it, and npm start makes a new one.`, { cause: error });
  }
}

function fileOf(folder: string): string {
  return join(folder, "kept.json");
}

async function portOr(before: number | undefined): Promise<number> {
  return before !== undefined && (await isFree(before)) ? before : freePort();
}

function secret(): string {
  return randomBytes(32).toString("base64url");
}
