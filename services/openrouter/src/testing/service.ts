/** The openrouter service on a database, a broker and a fake OpenRouter of the test's own, asked over the broker. */
import { afterAll } from "vitest";
import { openBus, type Bus } from "@tollbooth/shared/bus";
import type { Caller, Command } from "@tollbooth/shared/contract";
import type { Db } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { openLog } from "@tollbooth/shared/log";
import { testNats } from "@tollbooth/shared/testing/nats";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import type { z } from "zod";
import { startFakeOpenRouter } from "../fake.ts";
import { Catalogue } from "../catalogue.ts";
import { endpoints } from "../handlers.ts";
import { Exchanges } from "../exchanges.ts";
import type { Metering } from "../settling.ts";
import { meteringOn } from "./metering.ts";

export { NEW_KEY, newKey, OLD_KEY } from "./metering.ts";

export const SERVICE: Caller = { sub: "chat-service", roles: ["service"] };
export const plain = (sub: string): Caller => ({ sub, roles: ["user"] });

export interface TestOpenRouter {
  readonly db: Db;
  readonly bus: Bus;
  readonly vault: Metering["vault"];
  readonly openRouter: Metering["openRouter"];
  readonly metering: Metering;
  readonly exchanges: Exchanges;
  /** Asks as other services do. Throws the Fault. */
  readonly ask: <I extends z.ZodType, O extends z.ZodType>(
    contract: Command<I, O>,
    input: z.input<I>,
    caller: Caller,
    deadlineMs?: number,
  ) => Promise<z.output<O>>;
  /** OpenRouter no longer takes a key. */
  readonly revoke: (key: string) => Promise<void>;
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
  const metering = await meteringOn({ db, bus, log, url: fake.url });
  const { vault, openRouter } = metering;
  const exchanges = new Exchanges();
  const catalogue = new Catalogue({ openRouter, bus, listing: metering.listing, log });
  await bus.serve("openrouter", endpoints(metering, exchanges, catalogue));
  return {
    db,
    bus,
    vault,
    openRouter,
    metering,
    exchanges,
    ask: (contract, input, caller, deadlineMs = Date.now() + 10_000) =>
      bus.ask(contract, input, { caller, deadlineMs }),
    revoke: async (key) => {
      await fetch(`${fake.url}/key`, { method: "DELETE", headers: { authorization: `Bearer ${key}` } });
    },
  };
}

/** The code that something is refused with. */
export async function codeOf(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => "ok",
    (error: unknown) => Fault.from(error).code,
  );
}
