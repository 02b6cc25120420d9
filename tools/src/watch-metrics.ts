/** The last round of a watch as Prometheus reads it. */
import { Watched, type Reading } from "@tollbooth/shared/metrics";
import type { Round } from "./watch.ts";

const breaches = new Watched(
  "tollbooth_audit_breaches",
  "Places where an invariant does not hold, the first 20 of each law; nothing where the last round could not be tried",
  ["invariant", "of"],
);
const success = new Watched("tollbooth_audit_success", "Whether the last round could be tried", []);
const duration = new Watched("tollbooth_audit_round_seconds", "How long the last round took", []);
const time = new Watched("tollbooth_audit_last_round_timestamp_seconds", "When the last round began", []);

/** Tells these metrics of rounds from now on; answers what hears of each. */
export function watchRounds(): (round: Round) => void {
  let last: Round | undefined;
  const one = (value: (round: Round) => number) => () =>
    last === undefined ? [] : [{ labels: {}, value: value(last) }];
  breaches.watch(() => breachReadings(last));
  success.watch(one(({ findings }) => (findings === undefined ? 0 : 1)));
  duration.watch(one(({ seconds }) => seconds));
  time.watch(one(({ at }) => Date.parse(at) / 1000));
  return (round) => void (last = round);
}

/** Breaches by invariant and books, also where there are none. */
export function breachReadings(round: Pick<Round, "findings"> | undefined): Reading[] {
  const counts = new Map<string, Reading>();
  for (const { invariant, of, breaches: found } of round?.findings ?? []) {
    const before = counts.get(`${invariant} ${of}`)?.value ?? 0;
    counts.set(`${invariant} ${of}`, {
      labels: { invariant: String(invariant), of },
      value: before + found.length,
    });
  }
  return [...counts.values()];
}
