/** Exactly-once effects over a broker that loses, repeats and comes back empty. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { openBus, type Bus } from "./bus.ts";
import { confirm, isLost } from "./confirmer.ts";
import { consume } from "./consumer.ts";
import { creditsEventOutcomes } from "./contracts/credits.ts";
import { usageTracked } from "./contracts/usage.ts";
import type { Db, Session } from "./db.ts";
import { bury } from "./dead-letters.ts";
import { startDelivery } from "./delivery.ts";
import { Fault } from "./fault.ts";
import { handle } from "./handler.ts";
import { Inbox } from "./inbox.ts";
import { until } from "./local/condition.ts";
import { startNats, type LocalNats } from "./local/nats.ts";
import { freePort } from "./local/ports.ts";
import { openLog } from "./log.ts";
import { enqueue } from "./outbox.ts";
import { Lease, relayDue } from "./relay.ts";
import type { Shutdown } from "./shutdown.ts";
import { sql } from "./sql.ts";
import { Streams, streams as all, type Delivery } from "./streams.ts";
import { testDatabase } from "./testing/postgres.ts";

const log = openLog("test", "silent");
const { db } = await testDatabase("credits");
const folder = await mkdtemp(join(tmpdir(), "tollbooth-delivery-"));
const storeDir = join(folder, "store");
const port = await freePort();
let nats: LocalNats;
let bus: Bus;
let streams: Streams;
const lease = new Lease(db);

const broker = () => startNats({ storeDir, port, logFile: join(folder, "log") });

beforeAll(async () => {
  await db.run(sql`create table effects (event_id uuid not null, amount text not null)`);
  nats = await broker();
  bus = await openBus({ url: nats.url, name: "test", log });
  streams = new Streams(bus);
  await bus.serve("credits", [
    handle(creditsEventOutcomes, async ({ events }) => {
      const inbox = await Inbox.read(
        db,
        "credits",
        events.map((event) => ({ userId: event.user_id, eventId: event.event_id })),
      );
      return events.map(({ event_id }) => ({ event_id, outcome: inbox.outcome(event_id) ?? "unknown" }));
    }),
  ]);
});
afterAll(async () => {
  await lease.close();
  await bus.close();
  await nats.stop();
  await rm(folder, { recursive: true, force: true });
});

const fact = (id: string, userId = "alice") => ({
  id,
  data: {
    id,
    source: "test",
    source_event_id: id,
    user_id: userId,
    service: "chat",
    model: null,
    charged: "1.000000000000",
    cost_breakdown: { provider_cost: "1", markup: "0", total: "1" },
    is_free: false,
    free_value: "0",
    hold_id: null,
    occurred_at: "2026-01-01T00:00:00Z",
  },
});

const write = async (n: number) => {
  const ids = Array.from({ length: n }, () => randomUUID());
  await db.tx((tx) =>
    enqueue(
      tx,
      usageTracked,
      ids.map((id) => fact(id)),
    ),
  );
  return ids;
};
const relay = async () =>
  relayDue((await lease.hold()) as NonNullable<Awaited<ReturnType<Lease["hold"]>>>, streams, () => {});
const confirmNow = async () =>
  confirm((await lease.hold()) as NonNullable<Awaited<ReturnType<Lease["hold"]>>>, streams, bus);
const number = async (query: ReturnType<typeof sql>) => (await db.one(z.object({ n: z.coerce.number() }), query)).n;
const waiting = () => number(sql`select count(*) as n from outbox`);
const effectsOf = (ids: readonly string[]) =>
  number(sql`select count(*) as n from effects where event_id = any(${ids})`);

/** A consumer with an effect that can be counted. */
const apply = async (message: Delivery) => {
  const event = usageTracked.data.parse(JSON.parse(Buffer.from(message.data).toString()));
  await db.tx(async (tx) => {
    // Stands for the account's lock in the ledger: it orders the effects of one user.
    await tx.run(sql`select pg_advisory_xact_lock(1)`);
    const inbox = await Inbox.read(tx, "credits", [{ userId: event.user_id, eventId: event.id }]);
    if (!inbox.take({ userId: event.user_id, eventId: event.id }, "applied")) return;
    await tx.run(sql`insert into effects values (${event.id}, ${event.charged.toFixed()})`);
    await inbox.write(tx);
  });
};
const start = (work: (message: Delivery) => Promise<void> = apply) =>
  consume({
    bus,
    streams,
    stream: all.usage,
    subject: usageTracked.subject,
    durable: "credits",
    apply: work,
    bury: (message, reason) => bury(db, message, reason),
    log,
    onStall: () => {},
  });
function sessionThatCounts(session: Session, seen: { relayRounds: number; questions: number }): Session {
  const count = (text: string) => {
    if (text.includes("order by next_at")) seen.relayRounds++;
    if (text.includes("as waits")) seen.questions++;
  };
  return {
    ...session,
    many: (schema, query) => (count(query.text), session.many(schema, query)),
    one: (schema, query) => (count(query.text), session.one(schema, query)),
  };
}

/** The stream and its reader, as an operator keeps them. */
const made = async () => {
  await streams.ensure(all.usage);
  await streams.ensureConsumer(all.usage.name, "credits", usageTracked.subject);
};
const quiet = () =>
  until(async () => {
    await made();
    await relay();
    await confirmNow();
    return (await waiting()) === 0;
  }, 20_000);

describe("facts that leave through the outbox", () => {
  test("are applied once each and let go of only when their consumer says so", async () => {
    await made();
    const ids = await write(300);
    await relay();
    await confirmNow();
    expect(await waiting()).toBe(300);
    const consumer = start();
    expect(await quiet()).toBe(true);
    await consumer.close();
    expect(await effectsOf(ids)).toBe(300);
  });

  test("are confirmed also when nobody was asked for a while, and after the relay's connection was cut", async () => {
    const { db: own } = await testDatabase("credits");
    const seen = { relayRounds: 0, questions: 0 };
    const counted: Db = { ...own, session: async () => sessionThatCounts(await own.session(), seen) };
    const closers: (() => Promise<void>)[] = [];
    const shutdown: Pick<Shutdown, "add"> = {
      add: (_name, thing, close) => (closers.push(async () => close(thing)), thing),
    };
    const { wake } = startDelivery({ db: counted, bus, streams, log, shutdown, onStall: () => {} });
    await made();
    const consumer = start();
    /** The relay looks again and again, and the confirmer asks nothing. */
    const isSilent = async () => {
      const { relayRounds, questions } = seen;
      return (await until(() => seen.relayRounds > relayRounds + 4, 10_000)) && seen.questions === questions;
    };
    const cut = sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`;
    for (const before of [async () => {}, async () => own.run(cut)]) {
      expect(await until(isSilent, 20_000)).toBe(true);
      await before();
      await own.tx((tx) => enqueue(tx, usageTracked, [fact(randomUUID())]));
      wake();
      expect(await until(async () => (await own.run(sql`select from outbox`)) === 0, 20_000)).toBe(true);
    }
    await consumer.close();
    for (const close of closers.toReversed()) await close();
  });

  test("that arrive twice have one effect", async () => {
    const ids = await write(20);
    await relay();
    await db.run(sql`update outbox set published_at = null, stream_seq = null, attempts = attempts + 1`);
    await relay();
    const consumer = start();
    expect(await quiet()).toBe(true);
    const allAcked = async () =>
      (await streams.ackFloor("USAGE", "credits")) === (await streams.state("USAGE"))?.lastSeq;
    expect(await until(allAcked, 10_000)).toBe(true);
    await consumer.close();
    expect(await effectsOf(ids)).toBe(20);
  });

  test("survive a broker whose store is lost after it acknowledged them", async () => {
    const ids = await write(200);
    await relay();
    nats.kill("SIGKILL");
    await nats.stop();
    await rm(storeDir, { recursive: true, force: true });
    nats = await broker();
    expect(await until(() => bus.connected(), 10_000)).toBe(true);
    const consumer = start();
    expect(await quiet()).toBe(true);
    await consumer.close();
    expect(await effectsOf(ids)).toBe(200);
  });

  test("that had to make room in a full stream before they were taken are sent again", async () => {
    await made();
    const manager = await bus.connection.jetstreamManager();
    const { config } = await manager.streams.info("USAGE");
    await manager.streams.update("USAGE", { ...config, max_bytes: 8_192 });
    const ids: string[] = [];
    for (let i = 0; i < 10; i++) {
      ids.push(...(await write(5)));
      await relay();
    }
    expect((await manager.streams.info("USAGE")).state.messages).toBeLessThan(5);
    // As if they had been sent a while ago.
    await db.run(sql`update outbox set published_at = now() - interval '1 minute'`);
    await manager.streams.update("USAGE", config);
    const consumer = start();
    expect(await quiet()).toBe(true);
    await consumer.close();
    expect(await effectsOf(ids)).toBe(50);
  });

  test("are not sent again because their consumer is slow", async () => {
    const ids = await write(50);
    await relay();
    // As if the consumer had been away for a minute.
    await db.run(sql`update outbox set published_at = now() - interval '1 minute'`);
    await confirmNow();
    expect(await number(sql`select max(attempts) as n from outbox`)).toBe(0);
    const consumer = start();
    expect(await quiet()).toBe(true);
    await consumer.close();
    expect(await effectsOf(ids)).toBe(50);
  });
});

describe("a message", () => {
  test("that can never be applied is buried with its bytes and blocks nobody", async () => {
    await streams.publish("USAGE", usageTracked.subject, randomUUID(), {}, "not json");
    const ids = await write(5);
    const consumer = start();
    expect(await quiet()).toBe(true);
    expect(await until(async () => (await number(sql`select count(*) as n from dead_letters`)) === 1, 10_000)).toBe(
      true,
    );
    await consumer.close();
    const letter = await db.one(
      z.object({ body: z.instanceof(Buffer), reason: z.string() }),
      sql`select body, reason from dead_letters`,
    );
    expect([letter.body.toString(), await effectsOf(ids)]).toEqual(["not json", 5]);
  });

  test("that cannot be applied now is applied later", async () => {
    const ids = await write(3);
    let failures = 0;
    const consumer = start(async (message) => {
      if (failures++ < 4) throw new Fault("unavailable", "the database is away");
      await apply(message);
    });
    expect(await quiet()).toBe(true);
    await consumer.close();
    expect([
      await effectsOf(ids),
      await number(sql`select count(*) as n from dead_letters where body <> 'not json'`),
    ]).toEqual([3, 0]);
  });
});

describe("an event is lost for certain", () => {
  const view = { atMs: 100_000, created: "now", lastSeq: 50, ackFloor: 20 };
  // prettier-ignore
  test.each([
    { name: "when its stream is another one",                     row: { stream_epoch: "then", stream_seq: 30, published_at: 1 },      lost: true },
    { name: "when its stream ends before it",                     row: { stream_epoch: "now",  stream_seq: 51, published_at: 1 },      lost: true },
    { name: "when its consumer is past it without applying it",   row: { stream_epoch: "now",  stream_seq: 20, published_at: 1 },      lost: true },
    { name: "never while it waits for its consumer",              row: { stream_epoch: "now",  stream_seq: 21, published_at: 1 },      lost: false },
    { name: "never in its first seconds",                         row: { stream_epoch: "then", stream_seq: 99, published_at: 99_000 }, lost: false },
  ])("$name", ({ row, lost }) => expect(isLost(row, view)).toBe(lost));
});
