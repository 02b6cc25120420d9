/** One request after the other, each timed: how long whoever asks has to wait. */
import type { Target } from "./requests.ts";

/** Asks for so many seconds; answers the times in ms. Throws where an answer is none. */
export async function probe({ url, requests }: Target, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  for (let i = Math.floor(Math.random() * requests.length); performance.now() < end; i++) {
    const begin = performance.now();
    const answer = await fetch(url, requests[i % requests.length]);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${url} was answered ${answer.status} ${text.slice(0, 200)}`);
    times.push(performance.now() - begin);
  }
  return times;
}
