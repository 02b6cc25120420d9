/**
 * Natural batching: while one batch is at work, what arrives forms the next. No timer, so a lone item goes at once; the
 * busier it is, the larger the batches and the cheaper each item. A batch in flight never shares a key with another, so
 * items of one key keep their order.
 */
import { Fault } from "./fault.ts";
import { batchSize, batchWaiting } from "./metrics.ts";

export interface BatchOptions<I, R> {
  /** Under which its sizes are counted. */
  readonly name: string;
  /** Does a batch; answers one result per item, in order. A Fault among the results is the refusal of that item. */
  readonly run: (items: readonly I[]) => Promise<readonly (R | Fault)[]>;
  /** Items of one key are never in two batches at once. */
  readonly keyOf: (item: I) => string;
  /** Whether a failed batch may succeed later as it is; if not, its items are run one by one. */
  readonly isTransient: (error: unknown) => boolean;
  readonly batchMax: number;
  /** Batches at work at once. */
  readonly lanes: number;
  /** Items waiting; one more is refused with `overloaded`. */
  readonly queueMax: number;
}

interface Waiting<I, R> {
  readonly item: I;
  readonly key: string;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export class Batcher<I, R> {
  readonly #options: BatchOptions<I, R>;
  readonly #busyKeys = new Set<string>();
  /** What waits, by key, in the order in which the keys came. */
  readonly #queue = new Map<string, Waiting<I, R>[]>();
  #waiting = 0;
  #lanesBusy = 0;
  #scheduled = false;

  constructor(options: BatchOptions<I, R>) {
    this.#options = options;
    batchWaiting.watch(() => [{ labels: { batch: options.name }, value: this.#waiting }]);
  }

  /** Resolves with the item's result after its batch is done; throws its Fault, or `overloaded` at once. */
  submit(item: I): Promise<R> {
    if (this.#waiting >= this.#options.queueMax) {
      return Promise.reject(
        new Fault("overloaded", "too many requests are waiting; try again shortly", { retryAfterS: 1 }),
      );
    }
    return new Promise<R>((resolve, reject) => {
      const key = this.#options.keyOf(item);
      const waiting = { item, key, resolve, reject };
      const before = this.#queue.get(key);
      if (before === undefined) this.#queue.set(key, [waiting]);
      else before.push(waiting);
      this.#waiting++;
      this.#schedule();
    });
  }

  /** What is submitted in the same turn of the event loop goes in the same batch. */
  #schedule(): void {
    if (this.#scheduled || this.#lanesBusy === this.#options.lanes) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#next();
    });
  }

  #next(): void {
    while (this.#lanesBusy < this.#options.lanes) {
      const batch = this.#take();
      if (batch.length === 0) return;
      void this.#work(batch);
    }
  }

  /**
   * The keys that have waited longest and are free, each with all of its items, up to the limit: what a batch does once a
   * key costs least where the items of a key go together. What is left of a key waits behind the others.
   */
  #take(): Waiting<I, R>[] {
    const batch: Waiting<I, R>[] = [];
    for (const [key, waiting] of this.#queue) {
      const room = this.#options.batchMax - batch.length;
      if (room === 0) break;
      if (this.#busyKeys.has(key)) continue;
      this.#queue.delete(key);
      batch.push(...waiting.slice(0, room));
      if (waiting.length > room) this.#queue.set(key, waiting.slice(room));
    }
    this.#waiting -= batch.length;
    return batch;
  }

  async #work(batch: readonly Waiting<I, R>[]): Promise<void> {
    this.#lanesBusy++;
    for (const { key } of batch) this.#busyKeys.add(key);
    try {
      await this.#run(batch);
    } finally {
      for (const { key } of batch) this.#busyKeys.delete(key);
      this.#lanesBusy--;
      this.#next();
    }
  }

  async #run(batch: readonly Waiting<I, R>[]): Promise<void> {
    batchSize.observe({ batch: this.#options.name }, batch.length);
    try {
      const results = await this.#options.run(batch.map(({ item }) => item));
      if (results.length !== batch.length) throw new Error(`a batch of ${batch.length} gave ${results.length} results`);
      batch.forEach((waiting, i) => {
        const result = results[i] as R | Fault;
        if (result instanceof Fault) waiting.reject(result);
        else waiting.resolve(result);
      });
    } catch (error) {
      if (batch.length === 1 || this.#options.isTransient(error)) for (const waiting of batch) waiting.reject(error);
      // One bad item must not fail its neighbours: alone, each succeeds or fails for itself.
      else for (const waiting of batch) await this.#run([waiting]);
    }
  }
}
