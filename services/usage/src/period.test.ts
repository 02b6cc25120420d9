import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dayOf, keptPart, monthOf, periodOf, piecesOf, type Period } from "./period.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (text: string) => Date.parse(text);
const size = ({ start, end }: Period) => end - start;

const somePeriod = fc
  .tuple(
    fc.integer({ min: 0, max: 400 * DAY }),
    fc.oneof(fc.integer({ min: 0, max: 3 * HOUR }), fc.integer({ min: 0, max: 90 * DAY })),
    fc.constantFrom(1, 60_000, HOUR, DAY),
  )
  .map(([start, length, grain]) => ({
    start: Math.floor(start / grain) * grain,
    end: Math.floor((start + length) / grain) * grain,
  }));

describe("the pieces of any period", () => {
  test("cover each of its moments once and no other", () => {
    fc.assert(
      fc.property(somePeriod, (period) => {
        const { days, hours, moments } = piecesOf(period);
        const stretches = [moments[0], hours[0], days, hours[1], moments[1]].filter((piece) => size(piece) > 0);
        expect(stretches.reduce((total, piece) => total + size(piece), 0)).toBe(size(period));
        let reached = period.start;
        for (const { start, end } of stretches) {
          expect(start).toBe(reached);
          reached = end;
        }
        if (size(period) > 0) expect(reached).toBe(period.end);
      }),
      { numRuns: 1000 },
    );
  });

  test("are whole days and whole hours, with less than an hour and less than a day at each end", () => {
    fc.assert(
      fc.property(somePeriod, (period) => {
        const { days, hours, moments } = piecesOf(period);
        if (size(days) > 0) expect([days.start % DAY, days.end % DAY]).toEqual([0, 0]);
        for (const piece of hours.filter((each) => size(each) > 0))
          expect([piece.start % HOUR, piece.end % HOUR, size(piece) < 2 * DAY]).toEqual([0, 0, true]);
        // A period within one day may have its two ends in one piece.
        for (const piece of moments) expect(size(piece)).toBeLessThan(2 * HOUR);
      }),
      { numRuns: 1000 },
    );
  });
});

const NOW = at("2026-03-31T12:30:00Z");
// prettier-ignore
test.each([
  { name: "nothing said: the last 30 days",          start: undefined,              end: undefined,              from: "2026-03-01T12:30:00Z", to: "2026-03-31T12:30:00Z" },
  { name: "a start: up to now",                      start: "2026-03-30T00:00:00Z", end: undefined,              from: "2026-03-30T00:00:00Z", to: "2026-03-31T12:30:00Z" },
  { name: "an end: the 30 days before",              start: undefined,              end: "2026-02-01T00:00:00Z", from: "2026-01-02T00:00:00Z", to: "2026-02-01T00:00:00Z" },
  { name: "both",                                    start: "2026-01-01T00:00:00Z", end: "2026-02-01T00:00:00Z", from: "2026-01-01T00:00:00Z", to: "2026-02-01T00:00:00Z" },
  { name: "start = end: an empty period",            start: "2026-01-01T00:00:00Z", end: "2026-01-01T00:00:00Z", from: "2026-01-01T00:00:00Z", to: "2026-01-01T00:00:00Z" },
])("a period with $name", ({ start, end, from, to }) => {
  expect(periodOf(start === undefined ? undefined : at(start), end === undefined ? undefined : { end: at(end), last: at(end) }, NOW)).toEqual({ start: at(from), end: at(to) });
});

test("a start after the end, or after now, is no period", () => {
  expect(periodOf(2, { end: 1, last: 1 }, NOW)).toBeUndefined();
  // The day before: its last moment was the one before the start.
  expect(periodOf(at("2026-03-02"), { end: at("2026-03-02"), last: at("2026-03-02") - 1 }, NOW)).toBeUndefined();
  expect(periodOf(NOW + 1, undefined, NOW)).toBeUndefined();
});

// prettier-ignore
test.each([
  { name: "the end is kept",             start: "2026-01-05T10:20:00Z", end: "2026-03-05T10:20:00Z", from: "2026-01-05T11:00:00Z", to: "2026-03-05T10:20:00Z" },
  { name: "nothing is kept",             start: "2026-01-05T10:20:00Z", end: "2026-01-07T10:20:00Z", from: "2026-01-05T11:00:00Z", to: "2026-01-07T10:00:00Z" },
  { name: "within one hour",             start: "2026-01-05T10:20:00Z", end: "2026-01-05T10:40:00Z", from: "2026-01-05T11:00:00Z", to: "2026-01-05T11:00:00Z" },
  { name: "it all is",                   start: "2026-02-05T10:20:00Z", end: "2026-03-05T10:20:00Z", from: "2026-02-05T10:20:00Z", to: "2026-03-05T10:20:00Z" },
])("a period is cut to the whole hours where events are no longer kept: $name", ({ start, end, from, to }) => {
  expect(keptPart({ start: at(start), end: at(end) }, at("2026-02-01T00:00:00Z"))).toEqual({ start: at(from), end: at(to) });
});

// prettier-ignore
test.each([
  { moment: "2026-12-31T23:59:59.999Z", later: 0,  from: "2026-12-01T00:00:00Z", to: "2027-01-01T00:00:00Z" },
  { moment: "2026-12-31T23:59:59.999Z", later: 2,  from: "2027-02-01T00:00:00Z", to: "2027-03-01T00:00:00Z" },
  { moment: "2028-02-29T00:00:00Z",     later: 0,  from: "2028-02-01T00:00:00Z", to: "2028-03-01T00:00:00Z" },
  { moment: "2026-03-31T00:00:00Z",     later: -4, from: "2025-11-01T00:00:00Z", to: "2025-12-01T00:00:00Z" },
])("the month $later after $moment", ({ moment, later, from, to }) => {
  expect(monthOf(at(moment), later)).toEqual({ start: at(from), end: at(to) });
});

test("a day is a UTC day", () => {
  expect(dayOf(at("2026-03-31T23:59:59.999Z"))).toEqual({
    start: at("2026-03-31T00:00:00Z"),
    end: at("2026-04-01T00:00:00Z"),
  });
});
