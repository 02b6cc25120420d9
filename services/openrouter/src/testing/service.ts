/** The openrouter service on a database, a broker and a fake OpenRouter of the test's own, asked over the broker. */
import { randomUUID } from "node:crypto";
import { afterAll } from "vitest";
import { openBus, type Bus } from "@tollbooth/shared/bus";
import type { Caller, Command } from "@tollbooth/shared/contract";
import type { Db } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { openLog } from "@tollbooth/shared/log";
import { testNats } from "@tollbooth/shared/testing/nats";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import type { z } from "zod";
import { OpenRouter } from "../client.ts";
import { startFakeOpenRouter } from "../fake.ts";
import { toBase64Url } from "../fernet.ts";
import { endpoints } from "../handlers.ts";
import { Quotes } from "../quotes.ts";
import type { Reporting } from "../reporting.ts";
import { Vault } from "../vault.ts";
import { parseVaultKeys } from "../vault-keys.ts";

/** Vault keys as settings have them. */
export const OLD_KEY = `k1:${toBase64Url(new Uint8Array(32).fill(1))}`;
export const NEW_KEY = `k2:${toBase64Url(new Uint8Array(32).fill(2))}`;

export const SERVICE: Caller = { sub: "chat-service", roles: ["service"] };
export const plain = (sub: string): Caller => ({ sub, roles: ["user"] });

export interface TestOpenRouter {
  readonly db: Db;
  readonly bus: Bus;
  readonly vault: Vault;
  readonly openRouter: OpenRouter;
  readonly reporting: Reporting;
  /** Asks as other services do. Throws the Fault. */
  ask<I extends z.ZodType, O extends z.ZodType>(
    contract: Command<I, O>,
    input: z.input<I>,
    caller: Caller,
    deadlineMs?: number,
  ): Promise<z.output<O>>;
  /** OpenRouter no longer takes a key. */
  revoke(key: string): Promise<void>;
}

/** Call it at the top level of a test file: all of it ends with the file's tests. */
export async function openOpenRouter(): Promise<TestOpenRouter> {
  const [{ db }, nats, fake] = await Promise.all([testDatabase("openrouter"), testNats(), startFakeOpenRouter()]);
  const log = openLog("test", "silent");
  const bus = await openBus({ url: nats.url, name: "test", log });
  afterAll(async () => {
    await bus.close();
    await fake.close();
  });
  const vault = new Vault(parseVaultKeys(OLD_KEY));
  const openRouter = new OpenRouter(fake.url);
  await bus.serve("openrouter", endpoints({ db, vault, openRouter, onAnswered: () => {} }, new Quotes(bus)));
  return {
    db,
    bus,
    vault,
    openRouter,
    reporting: { db, bus, log },
    ask: (contract, input, caller, deadlineMs = Date.now() + 10_000) =>
      bus.ask(contract, input, { caller, deadlineMs }),
    revoke: async (key) => {
      await fetch(`${fake.url}/key`, { method: "DELETE", headers: { authorization: `Bearer ${key}` } });
    },
  };
}

/** A key that nobody had before; the words say what the fake OpenRouter makes of it. */
export function newKey(...words: string[]): string {
  return ["sk-or-v1", ...words, randomUUID()].join("-");
}

/** The code that something is refused with. */
export async function codeOf(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => "ok",
    (error: unknown) => Fault.from(error).code,
  );
}
