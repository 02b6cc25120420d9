import { trackUsage, usageSummary } from "@tollbooth/shared/contracts/usage";
import { sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { expect, test } from "vitest";
import { z } from "zod";
import { forgetOld, tendMonths } from "./partitions.ts";
import { breaches, openUsage, plain } from "./testing/service.ts";

const { db } = await testDatabase("usage");
const usage = await openUsage(db);
const at = (text: string) => Date.parse(text);
const track = (userId: string, moment: string) => {
  usage.at(at(moment));
  return usage.ask(trackUsage, { service: "chat", cost: "1", tokens: 10 }, plain(userId));
};
/** In which partition each event of a user is, oldest first. */
const places = async (userId: string) => {
  const rows = await db.many(
    z.object({ place: z.string() }),
    sql`select tableoid::regclass::text as place from usage_events where user_id = ${userId} order by occurred_at`,
  );
  return rows.map(({ place }) => place);
};
const months = async () => {
  const rows = await db.many(
    z.object({ name: z.string() }),
    sql`select inhrelid::regclass::text as name from pg_inherits where inhparent = 'usage_events'::regclass order by 1`,
  );
  return rows.map(({ name }) => name);
};

test("the months that late events and the next weeks need are made, once, whoever makes them", async () => {
  await Promise.all([1, 2, 3].map(() => tendMonths(db, at("2026-03-20T00:00:00Z"), 24)));
  expect(await months()).toEqual([
    "usage_events_2026_02",
    "usage_events_2026_03",
    "usage_events_2026_04",
    "usage_events_2026_05",
    "usage_events_default",
  ]);
});

test("an event of a month that nobody made is kept, and moves when its month is made", async () => {
  await tendMonths(db, at("2026-03-20T00:00:00Z"), 24);
  await track("ann", "2026-05-31T23:59:59.999Z");
  await track("ann", "2026-06-01T00:00:00Z");
  await track("ann", "2026-09-01T00:00:00Z");
  expect(await places("ann")).toEqual(["usage_events_2026_05", "usage_events_default", "usage_events_default"]);
  await tendMonths(db, at("2026-05-01T00:00:00Z"), 24);
  expect(await places("ann")).toEqual(["usage_events_2026_05", "usage_events_2026_06", "usage_events_default"]);
  const whole = await usage.ask(
    usageSummary,
    { start_date: "2026-05-01T00:00:01Z", end_date: "2026-09-01T00:00:01Z" },
    plain("ann"),
  );
  expect(whole.total_events).toBe(3);
});

test("events go on being recorded while a month is made", async () => {
  usage.at(at("2030-01-15T00:00:00Z"));
  const tracked = Array.from({ length: 100 }, (_, i) =>
    usage.ask(trackUsage, { service: "chat", cost: "1", event_id: `e${i}` }, plain(`racer-${i % 10}`)),
  );
  await Promise.all([tendMonths(db, at("2030-01-15T00:00:00Z"), 100), ...tracked]);
  const { n } = await db.one(
    z.object({ n: z.coerce.number() }),
    sql`select count(*) as n from usage_events where user_id like 'racer-%'`,
  );
  expect(n).toBe(100);
});

test("months past their retention go, with what DEFAULT has of that time; their sums stay, and reads say to what they were cut", async () => {
  await tendMonths(db, at("2020-02-20T00:00:00Z"), 240);
  await track("old", "2020-02-10T10:20:00Z");
  await track("old", "2020-02-10T11:20:00Z");
  await track("old", "2010-02-10T10:20:00Z");
  expect(await months()).toContain("usage_events_2020_02");
  await tendMonths(db, at("2022-03-01T00:00:00Z"), 24);
  expect(await places("old")).toEqual([]);
  expect(await months()).not.toContain("usage_events_2020_02");
  usage.at(at("2022-03-01T00:00:00Z"));
  const cut = await usage.ask(
    usageSummary,
    { start_date: "2020-02-10T10:30:00Z", end_date: "2020-02-10T12:10:00Z" },
    plain("old"),
  );
  expect([cut.total_events, cut.period]).toEqual([
    1,
    { start: at("2020-02-10T11:00:00Z"), end: at("2020-02-10T12:00:00Z") },
  ]);
  expect(await breaches(db)).toEqual([]);
});

test("a month that no retention lets go is refused to be dropped, whoever asks", async () => {
  const drop = (month: string) => db.run({ text: `select drop_usage_month(${month})`, values: [] });
  const before = (count: number) =>
    `(date_trunc('month', now() at time zone 'UTC') - interval '${count} months') at time zone 'UTC'`;
  for (const month of [before(0), before(4)]) await expect(drop(month)).rejects.toThrow("too young to be dropped");
});

test("identities are forgotten after 100 days, and not before", async () => {
  usage.at();
  await usage.ask(trackUsage, { service: "chat", cost: "1", event_id: "young" }, plain("ida"));
  await usage.ask(trackUsage, { service: "chat", cost: "1", event_id: "old" }, plain("ida"));
  await db.run(sql`update usage_event_ids set recorded_at = now() - interval '101 days' where event_id = 'old'`);
  await db.run(sql`update usage_event_ids set recorded_at = now() - interval '99 days' where event_id = 'young'`);
  expect(await forgetOld(db)).toBeGreaterThan(0);
  const left = await db.many(
    z.object({ event_id: z.string() }),
    sql`select event_id from usage_event_ids where user_id = 'ida'`,
  );
  expect(left).toEqual([{ event_id: "young" }]);
});
