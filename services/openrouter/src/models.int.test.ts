import { beforeEach, describe, expect, test } from "vitest";
import { freeModel, modelMarkup, syncModels } from "@tollbooth/shared/contracts/openrouter";
import { Fault } from "@tollbooth/shared/fault";
import { openLog } from "@tollbooth/shared/log";
import { Catalogue } from "./catalogue.ts";
import { Listing } from "./listing.ts";
import { codeOf, openOpenRouter, SERVICE } from "./testing/service.ts";
import { pretendUsage } from "./testing/usage.ts";

const service = await openOpenRouter();
const { bus } = service;
const log = openLog("test", "silent");
const usage = await pretendUsage(bus);
beforeEach(() => {
  Object.assign(usage, { refusal: undefined, quotes: 0, listed: 0 });
});

describe("what is said of a model", () => {
  test("is usage's own word, asked once for many", async () => {
    const model = "openai/gpt-4.1";
    const answers = await Promise.all(Array.from({ length: 5 }, () => service.ask(modelMarkup, { model }, SERVICE)));
    expect(answers[4]).toEqual({ model, markup_class: "standard", markup_rate: "0.1" });
    expect(await service.ask(freeModel, { model }, SERVICE)).toEqual({ model, is_free: false });
    expect(await service.ask(freeModel, { model: "acme/one:free" }, SERVICE)).toMatchObject({ is_free: true });
    expect(usage.quotes).toBe(2);
  });

  test("that has no price yet is asked again each time", async () => {
    for (let i = 0; i < 2; i++) await service.ask(modelMarkup, { model: "acme/none" }, SERVICE);
    expect(usage.quotes).toBe(2);
  });

  test("that could not be asked is asked again", async () => {
    usage.refusal = new Fault("unavailable", "usage is away");
    expect(await codeOf(service.ask(freeModel, { model: "acme/two" }, SERVICE))).toBe("unavailable");
    usage.refusal = undefined;
    expect(await codeOf(service.ask(freeModel, { model: "acme/two" }, SERVICE))).toBe("ok");
  });
});

describe("OpenRouter's price list", () => {
  const HOUR_MS = 3_600_000;
  const open = () => new Catalogue({ openRouter: service.openRouter, bus, listing: new Listing(), log });

  test("is handed over at once and every six hours", async () => {
    const catalogue = open();
    await catalogue.tend(0);
    expect(usage.listed).toBe(13);
    await catalogue.tend(6 * HOUR_MS - 1);
    expect(usage.listed).toBe(13);
    await catalogue.tend(6 * HOUR_MS);
    expect(usage.listed).toBe(26);
  });

  test("is handed over when an admin wants it, once for a key, and by nobody else", async () => {
    const before = usage.listed;
    const admin = { sub: "root", roles: ["admin" as const] };
    const sync = () => bus.ask(syncModels, {}, { caller: admin, idempotencyKey: "now" });
    const synced = await sync();
    expect(synced).toMatchObject({ priced: 13, changed: 13, quarantined: 0, refused: 0 });
    expect(await sync()).toEqual(synced);
    expect(usage.listed - before).toBe(13);
    expect(await codeOf(service.ask(syncModels, {}, SERVICE))).toBe("forbidden");
  });

  test("that could not be handed over is tried again, ever more slowly, an hour later at last", async () => {
    const catalogue = open();
    usage.refusal = new Fault("unavailable", "usage is away");
    const tries: number[] = [];
    const asked = {
      ...bus,
      ask: (async (...args: Parameters<typeof bus.ask>) => (tries.push(now), bus.ask(...args))) as typeof bus.ask,
    };
    let now = 0;
    const watched = new Catalogue({ openRouter: service.openRouter, bus: asked, listing: new Listing(), log });
    for (; now < 4 * HOUR_MS; now += 5_000) await watched.tend(now);
    expect(tries.slice(0, 5)).toEqual([0, 5_000, 15_000, 35_000, 75_000]);
    expect((tries.at(-1) ?? 0) - (tries.at(-2) ?? 0)).toBe(HOUR_MS);
    usage.refusal = undefined;
    await catalogue.tend(0);
    expect(usage.listed).toBe(13);
  });
});
