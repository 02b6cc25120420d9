import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Batcher, type BatchOptions } from "./batch.ts";
import { Fault } from "./fault.ts";

interface Item {
  readonly key: string;
  readonly n: number;
}

/** Batches that end when the test says so. */
class Work {
  readonly batches: { items: readonly Item[]; end: () => void }[] = [];
  readonly run = (items: readonly Item[]): Promise<number[]> =>
    new Promise((resolve) => {
      this.batches.push({ items, end: () => resolve(items.map(({ n }) => n)) });
    });
}

const open = (run: BatchOptions<Item, number>["run"], more: Partial<BatchOptions<Item, number>> = {}) =>
  new Batcher<Item, number>({
    name: "test",
    run,
    keyOf: ({ key }) => key,
    isTransient: () => false,
    batchMax: 10,
    lanes: 2,
    queueMax: 100,
    ...more,
  });
const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe("natural batching", () => {
  test("a lone item goes at once; what comes while it is at work forms the next batch", async () => {
    const work = new Work();
    const batcher = open(work.run, { lanes: 1 });
    void batcher.submit({ key: "a", n: 0 });
    await turn();
    for (let n = 1; n <= 5; n++) void batcher.submit({ key: "a", n });
    await turn();
    expect(work.batches.map(({ items }) => items.length)).toEqual([1]);
    work.batches[0]?.end();
    await turn();
    expect(work.batches.map(({ items }) => items.length)).toEqual([1, 5]);
  });

  test("a free key is not kept waiting by a busy one", async () => {
    const work = new Work();
    const batcher = open(work.run);
    void batcher.submit({ key: "busy", n: 0 });
    await turn();
    void batcher.submit({ key: "busy", n: 1 });
    await turn();
    void batcher.submit({ key: "free", n: 2 });
    await turn();
    expect(work.batches.map(({ items }) => items.map(({ n }) => n))).toEqual([[0], [2]]);
  });

  test("what waits of a key goes together, the longest waiting key first, and what is too much of it behind the others", async () => {
    const work = new Work();
    const batcher = open(work.run, { lanes: 1, batchMax: 3 });
    void batcher.submit({ key: "a", n: 0 });
    await turn();
    for (const [n, key] of ["a", "b", "a", "c", "a", "a"].entries()) void batcher.submit({ key, n: n + 1 });
    for (let i = 0; i < 3; i++) {
      work.batches[i]?.end();
      await turn();
    }
    expect(work.batches.map(({ items }) => items.map(({ key, n }) => `${key}${n}`))).toEqual([
      ["a0"],
      ["a1", "a3", "a5"],
      ["b2", "c4", "a6"],
    ]);
  });

  test("one more than the queue holds is refused at once as overloaded, and nothing else is", async () => {
    const work = new Work();
    const batcher = open(work.run, { lanes: 1, queueMax: 3 });
    void batcher.submit({ key: "a", n: 0 });
    await turn();
    const results = Promise.allSettled([1, 2, 3, 4].map((n) => batcher.submit({ key: "a", n })));
    work.batches[0]?.end();
    await turn();
    work.batches[1]?.end();
    const refused = (await results).map((result) =>
      result.status === "rejected" && result.reason instanceof Fault ? result.reason.code : "done",
    );
    expect(refused).toEqual(["done", "done", "done", "overloaded"]);
  });

  test("a batch that fails for good is tried one by one, so that one bad item fails alone", async () => {
    const batcher = open(async (items) => {
      if (items.some(({ n }) => n === 2)) throw new Error("bad item");
      return items.map(({ n }) => n);
    });
    const results = await Promise.allSettled([0, 1, 2, 3].map((n) => batcher.submit({ key: "a", n })));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
  });

  test("a batch that fails because something is away fails whole, and is not hammered item by item", async () => {
    let runs = 0;
    const batcher = open(
      () => {
        runs++;
        return Promise.reject(new Fault("unavailable", "away"));
      },
      { isTransient: () => true },
    );
    const results = await Promise.allSettled([0, 1, 2].map((n) => batcher.submit({ key: "a", n })));
    expect([results.filter(({ status }) => status === "rejected").length, runs]).toEqual([3, 1]);
  });

  test("a refused item does not fail the others of its batch", async () => {
    const batcher = open(async (items) => items.map(({ n }) => (n === 1 ? new Fault("not_found", "no") : n)));
    const results = await Promise.allSettled([0, 1, 2].map((n) => batcher.submit({ key: "a", n })));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  });
});

describe("laws", () => {
  test("whatever the timing, every item is done once, items of a key in order, and no key is in two batches at once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 40 }),
        async (scheduler, keys) => {
          const atWork = new Set<string>();
          const done: Item[] = [];
          const run = async (items: readonly Item[]) => {
            const mine = new Set(items.map(({ key }) => key));
            for (const key of mine) {
              expect(atWork.has(key)).toBe(false);
              atWork.add(key);
            }
            await scheduler.schedule(Promise.resolve());
            for (const key of mine) atWork.delete(key);
            done.push(...items);
            return items.map(({ n }) => n);
          };
          const batcher = open(run, { batchMax: 4, lanes: 3 });
          const submitted = keys.map((key, n) =>
            scheduler.schedule(Promise.resolve()).then(() => batcher.submit({ key, n })),
          );
          await scheduler.waitFor(Promise.all(submitted));
          expect(done.map(({ n }) => n).toSorted((x, y) => x - y)).toEqual(keys.map((_, n) => n));
        },
      ),
      { numRuns: 100 },
    );
  });
});
