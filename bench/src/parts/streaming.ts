/** Streams of chats, asked for by a process of its own, and how long their first and their last bytes took. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { quantile } from "./numbers.ts";
import { runProgram } from "./program.ts";

/** What is asked, one after the other and so many at once, until the time is over; each at least once. */
export interface Asked {
  readonly url: string;
  readonly requests: readonly object[];
  readonly atOnce: number;
  readonly seconds: number;
  /** The first ones begin so long one after the other. */
  readonly apartMs?: number;
}

/** One stream: from its request to its first byte, and to its last. */
export interface Streamed {
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface Streams {
  readonly perSecond: number;
  readonly firstP50Ms: number;
  readonly firstP99Ms: number;
  readonly lastP50Ms: number;
  readonly lastP99Ms: number;
}

/** Asks, and reads each stream to its end. Throws where one is refused or breaks off. */
export async function stream(folder: string, asked: Asked): Promise<Streams> {
  const file = join(folder, "streams.json");
  await writeFile(file, JSON.stringify(asked));
  const { perSecond, done } = await runProgram<{ perSecond: number; done: Streamed[] }>("streams", file);
  const [first, last] = [done.map(({ firstMs }) => firstMs), done.map(({ lastMs }) => lastMs)];
  return {
    perSecond,
    firstP50Ms: quantile(first, 0.5),
    firstP99Ms: quantile(first, 0.99),
    lastP50Ms: quantile(last, 0.5),
    lastP99Ms: quantile(last, 0.99),
  };
}
