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

/** What becomes of an item: alone it is refused, or it fails whatever batch it is in. */
type Fate = "done" | "refused" | "fails";

describe("laws", () => {
  test("whatever the timing, every item has its own fate once, items of a key in order, and no bound is passed", async () => {
    const [batchMax, lanes, queueMax] = [4, 3, 6];
    const anyItem = fc.record({
      key: fc.constantFrom("a", "b", "c", "d"),
      fate: fc.constantFrom<Fate>("done", "done", "refused", "fails"),
    });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(anyItem, { maxLength: 40, size: "max" }), async (scheduler, plans) => {
        const [begun, done, wrong] = [new Set<number>(), [] as Item[], [] as string[]];
        const atWork: string[][] = [];
        const fateOf = ({ n }: Item) => plans[n]?.fate;
        const run = async (items: readonly Item[]) => {
          const keys = items.map(({ key }) => key);
          if (keys.some((key) => atWork.flat().includes(key))) wrong.push(`${keys.join()} is in two batches at once`);
          atWork.push(keys);
          if (items.length > batchMax) wrong.push(`a batch of ${items.length}`);
          if (atWork.length > lanes) wrong.push(`${atWork.length} batches at once`);
          for (const { n } of items) begun.add(n);
          await scheduler.schedule(Promise.resolve());
          atWork.splice(atWork.indexOf(keys), 1);
          if (items.some((item) => fateOf(item) === "fails")) throw new Error("fails");
          done.push(...items);
          return items.map((item) => (fateOf(item) === "refused" ? new Fault("not_found", "refused") : item.n));
        };
        const batcher = open(run, { batchMax, lanes, queueMax });
        const taken: Item[] = [];
        const submit = (item: Item): Promise<unknown> => {
          if (taken.filter(({ n }) => !begun.has(n)).length === queueMax)
            return expect(batcher.submit(item)).rejects.toThrow("too many requests");
          taken.push(item);
          const result = batcher.submit(item);
          return fateOf(item) === "done"
            ? expect(result).resolves.toBe(item.n)
            : expect(result).rejects.toThrow(fateOf(item));
        };
        await scheduler.waitFor(
          Promise.all(plans.map(({ key }, n) => scheduler.schedule(Promise.resolve()).then(() => submit({ key, n })))),
        );
        expect(wrong).toEqual([]);
        const inOrder = (items: readonly Item[]) =>
          items.toSorted((x, y) => (x.key < y.key ? -1 : x.key > y.key ? 1 : 0));
        expect(inOrder(done)).toEqual(inOrder(taken.filter((item) => fateOf(item) !== "fails")));
      }),
      { numRuns: 100 },
    );
  });
});
