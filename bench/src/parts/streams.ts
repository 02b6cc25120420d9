/** Streams of chats from a process of its own: reads what to ask from a file, prints as JSON how long their bytes took. */
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { Asked, Streamed } from "./streaming.ts";

const [file = ""] = process.argv.slice(2);
const { url, requests, atOnce, seconds, apartMs = 0 } = JSON.parse(await readFile(file, "utf8")) as Asked;

const done: Streamed[] = [];
const beginMs = performance.now();
const endMs = beginMs + seconds * 1000;

async function lane(first: number): Promise<void> {
  await pause(first * apartMs);
  let i = first;
  do {
    const askedMs = performance.now();
    const answer = await fetch(url, requests[i % requests.length]);
    if (!answer.ok || answer.body === null)
      throw new Error(`${url} was answered ${answer.status} ${await answer.text()}`);
    let firstMs: number | undefined;
    let text = "";
    const decoder = new TextDecoder();
    for await (const part of answer.body as ReadableStream<Uint8Array>) {
      firstMs ??= performance.now() - askedMs;
      text = (text + decoder.decode(part, { stream: true })).slice(-END.length);
    }
    if (text !== END) throw new Error(`${url} broke off: ${text}`);
    done.push({ firstMs: firstMs ?? NaN, lastMs: performance.now() - askedMs });
    i += atOnce;
  } while (performance.now() < endMs);
}

const END = "data: [DONE]\n\n";
await Promise.all(Array.from({ length: atOnce }, (_, i) => lane(i)));
console.log(JSON.stringify({ perSecond: done.length / ((performance.now() - beginMs) / 1000), done }));
