/** Requests to language models as they come in real life: a seeded generator fitted to published figures. Pure. */
import { poisson, type Dice } from "./dice.ts";

export interface Request {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** A distribution by a few of its quantiles, from 0 to 1. */
export type Quantiles = readonly (readonly [share: number, value: number])[];

/** Tokens of 19,366 conversations with a production service (Azure's public trace of 2023). */
export const PROMPT_TOKENS: Quantiles = [
  [0, 2],
  [0.5, 1020],
  [0.9, 2735],
  [0.99, 4142],
  [1, 14_050],
];
export const COMPLETION_TOKENS: Quantiles = [
  [0, 7],
  [0.5, 129],
  [0.9, 424],
  [0.99, 601],
  [1, 1000],
];

/**
 * Requests a second in calm and in busy times. Together 5.5 with a variance of 7.7, as in the trace; evenly spread
 * requests would never show what a burst does.
 */
const CALM_RATE = 4.75;
const BUSY_RATE = 8.5;
const BUSY_SHARE = 0.2;
const STRETCH_S = 20;
export const PEAK_RATE = 16;

/** So many requests in order of time, the last of them at `endMs`. */
export function traffic(dice: Dice, count: number, endMs: number): Request[] {
  const offsets = arrivals(dice, count);
  const shiftMs = endMs - (offsets.at(-1) ?? 0);
  return offsets.map((offsetMs) => ({
    atMs: Math.round(offsetMs + shiftMs),
    promptTokens: quantile(PROMPT_TOKENS, dice()),
    completionTokens: quantile(COMPLETION_TOKENS, dice()),
  }));
}

/** The value below which a share of the distribution lies; between the known quantiles even on a logarithmic scale. */
export function quantile(quantiles: Quantiles, share: number): number {
  const above = quantiles.findIndex(([at]) => share <= at);
  const [highShare, high] = quantiles[above] ?? quantiles.at(-1) ?? [1, 0];
  const [lowShare, low] = quantiles[above - 1] ?? [highShare, high];
  if (highShare === lowShare) return high;
  const part = (share - lowShare) / (highShare - lowShare);
  return Math.round(low * (high / low) ** part);
}

/** Milliseconds from a common start, ascending. */
function arrivals(dice: Dice, count: number): number[] {
  const offsets: number[] = [];
  let rate = CALM_RATE;
  for (let second = 0; offsets.length < count; second++) {
    if (second % STRETCH_S === 0) rate = dice() < BUSY_SHARE ? BUSY_RATE : CALM_RATE;
    const inThisSecond = Array.from({ length: Math.min(PEAK_RATE, poisson(dice, rate)) }, () => dice());
    for (const part of inThisSecond.toSorted((a, b) => a - b)) offsets.push((second + part) * 1000);
  }
  return offsets.slice(0, count);
}
