/** Which stretch of time a read is about, and which sums cover it. */

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const DEFAULT_MS = 30 * DAY_MS;

/** Milliseconds since 1970; the end is exclusive. */
export interface Period {
  readonly start: number;
  readonly end: number;
}

/** What covers a period: whole days, the whole hours at its ends, and the minutes at theirs. */
export interface Pieces {
  readonly days: Period;
  readonly hours: readonly [Period, Period];
  readonly moments: readonly [Period, Period];
}

/** Where a period ends, and the last moment at which it may start. */
export interface End {
  readonly end: number;
  readonly last: number;
}

/** The period that was asked for; the last 30 days up to the end, where no start is given. Undefined where it starts after its end. */
export function periodOf(start: number | undefined, stated: End | undefined, now: number): Period | undefined {
  const { end, last } = stated ?? { end: now, last: now };
  const from = start ?? end - DEFAULT_MS;
  return from > last ? undefined : { start: from, end };
}

/** A period whose ragged minutes are no longer kept is cut to the whole hours inside it. */
export function keptPart({ start, end }: Period, keptFrom: number): Period {
  const from = start < keptFrom ? ceil(start, HOUR_MS) : start;
  const until = end < keptFrom ? floor(end, HOUR_MS) : end;
  return { start: from, end: Math.max(from, until) };
}

/** The UTC day of a moment. */
export function dayOf(at: number): Period {
  const start = floor(at, DAY_MS);
  return { start, end: start + DAY_MS };
}

/** The UTC month of a moment, or one so many months later. */
export function monthOf(at: number, later = 0): Period {
  const date = new Date(at);
  const month = (offset: number) => Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + offset);
  return { start: month(later), end: month(later + 1) };
}

/** Divides a period so that each moment of it is in exactly one piece. */
export function piecesOf({ start, end }: Period): Pieces {
  const nothing = { start: end, end };
  const days = inner({ start, end }, DAY_MS);
  if (days.start === days.end) {
    const hours = inner({ start, end }, HOUR_MS);
    return {
      days: nothing,
      hours: [hours, nothing],
      moments: [
        { start, end: hours.start },
        { start: hours.end, end },
      ],
    };
  }
  const before = inner({ start, end: days.start }, HOUR_MS);
  const after = inner({ start: days.end, end }, HOUR_MS);
  return {
    days,
    hours: [before, after],
    moments: [
      { start, end: before.start },
      { start: after.end, end },
    ],
  };
}

/** The whole units inside a period; where there is none, nothing, at its end. */
function inner({ start, end }: Period, unit: number): Period {
  const from = Math.min(ceil(start, unit), end);
  return { start: from, end: Math.max(from, floor(end, unit)) };
}

function floor(at: number, unit: number): number {
  return Math.floor(at / unit) * unit;
}

function ceil(at: number, unit: number): number {
  return Math.ceil(at / unit) * unit;
}
