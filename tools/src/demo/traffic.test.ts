import { expect, test } from "vitest";
import { diceOf } from "./dice.ts";
import { COMPLETION_TOKENS, PEAK_RATE, PROMPT_TOKENS, quantile, traffic, type Request } from "./traffic.ts";

const END_MS = Date.parse("2026-03-01T12:00:00Z");
const requests = traffic(diceOf(1), 20_000, END_MS);

function shareBelow(values: readonly number[], limit: number): number {
  return values.filter((value) => value <= limit).length / values.length;
}

// prettier-ignore
const published = [
  { tokens: "prompt",     of: (request: Request) => request.promptTokens,     p50: 1020, p90: 2735, p99: 4142, max: 14_050 },
  { tokens: "completion", of: (request: Request) => request.completionTokens, p50: 129,  p90: 424,  p99: 601,  max: 1000 },
];

test.each(published)("the quantiles of $tokens tokens are the published ones", ({ of, p50, p90, p99, max }) => {
  const sorted = requests.map(of).toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * sorted.length)] ?? 0;
  expect(at(0.5) / p50).toBeCloseTo(1, 1);
  expect(at(0.9) / p90).toBeCloseTo(1, 1);
  expect(at(0.99) / p99).toBeCloseTo(1, 1);
  expect(shareBelow(sorted, p90)).toBeCloseTo(0.9, 1.5);
  expect(sorted.at(-1)).toBeLessThanOrEqual(max);
  expect(sorted[0]).toBeGreaterThan(0);
});

test("requests come 5.5 a second on average, in bursts of 16 at most", () => {
  const seconds = new Map<number, number>();
  const firstMs = requests[0]?.atMs ?? 0;
  for (const { atMs } of requests) {
    // Seconds of the generator, which are shifted against those of the clock.
    const second = Math.floor((atMs - firstMs) / 1000);
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
  }
  const lastMs = requests.at(-1)?.atMs ?? 0;
  expect(lastMs).toBe(END_MS);
  expect(requests.length / ((lastMs - firstMs) / 1000)).toBeCloseTo(5.5, 0);
  // A second that begins anywhere may have parts of two bursts.
  expect(Math.max(...seconds.values())).toBeGreaterThan(10);
  expect(Math.max(...seconds.values())).toBeLessThanOrEqual(2 * PEAK_RATE);
});

test("requests are in order of time", () => {
  const times = requests.map(({ atMs }) => atMs);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test("the same seed makes the same requests, another seed makes others", () => {
  expect(traffic(diceOf(7), 100, END_MS)).toEqual(traffic(diceOf(7), 100, END_MS));
  expect(traffic(diceOf(8), 100, END_MS)).not.toEqual(traffic(diceOf(7), 100, END_MS));
});

// prettier-ignore
const points = [
  { share: 0,    prompt: 2,      completion: 7 },
  { share: 0.5,  prompt: 1020,   completion: 129 },
  { share: 0.9,  prompt: 2735,   completion: 424 },
  { share: 0.99, prompt: 4142,   completion: 601 },
  { share: 1,    prompt: 14_050, completion: 1000 },
];

test.each(points)("the quantile of $share is the published figure itself", ({ share, prompt, completion }) => {
  expect(quantile(PROMPT_TOKENS, share)).toBe(prompt);
  expect(quantile(COMPLETION_TOKENS, share)).toBe(completion);
});
