/**
 * Attacks on the broker, tried on a real one with the users of `npm start`. Beside each is somebody who may do the same:
 * so a refusal is one, and not a mistake in the attempt.
 */
import { join } from "node:path";
import { afterAll, describe, expect, inject, test } from "vitest";
import { openBus, type Bus } from "@tollbooth/shared/bus";
import { until } from "@tollbooth/shared/local/condition";
import { startNats } from "@tollbooth/shared/local/nats";
import { freePort } from "@tollbooth/shared/local/ports";
import { openLog } from "@tollbooth/shared/log";
import { inboxOf } from "@tollbooth/shared/nkeys";
import { Streams } from "@tollbooth/shared/streams";
import { testFolder } from "@tollbooth/shared/testing/find";
import { refusalsIn } from "../testing/refusals.ts";
import { addReporter, openUsers } from "./keys.ts";
import { INTEGRATOR, OPERATOR, ROWS } from "./permissions.ts";
import { makeStreams } from "./streams.ts";

// Users are for a broker that we start: one that was given, or one in a container, has its own.
const isOurs = inject("servers").nats.kind === "program";
if (!isOurs) console.log("attacks on the broker: skipped, because the tests have no nats-server to start");
const { folder, remove } = await testFolder("attacks");
const log = openLog("test", "silent");
const logFile = join(folder, "log");
const keys = join(folder, "broker");
const broker = isOurs ? await open() : undefined;
const buses = new Map<string, Bus>();

async function open() {
  const usersFile = await openUsers(keys);
  for (const source of ["chat", "search"]) await addReporter(keys, source);
  return startNats({ storeDir: join(folder, "store"), port: await freePort(), logFile, usersFile });
}

afterAll(async () => {
  await Promise.all([...buses.values()].map((bus) => bus.close()));
  await broker?.stop();
  await remove();
});

async function as(user: string): Promise<Bus> {
  const bus = buses.get(user) ?? (await openBus({ url: broker?.url ?? "", keys, name: user, log }));
  buses.set(user, bus);
  return bus;
}

interface Attempt {
  readonly publish?: string;
  readonly listen?: string;
  readonly queue?: string;
}

/** Whether the broker lets a user do it. */
async function may(user: string, { publish, listen, queue }: Attempt): Promise<boolean> {
  const { connection } = await as(user);
  let isRefused = false;
  void (async () => {
    for await (const { permissionContext } of connection.status())
      isRefused ||= permissionContext?.subject === (publish ?? listen);
  })();
  if (publish !== undefined) connection.publish(publish, "{}");
  const options = { callback: () => {}, ...(queue !== undefined && { queue }) };
  const subscription = listen === undefined ? undefined : connection.subscribe(listen, options);
  // The broker's complaint comes before its answer.
  await connection.flush();
  await connection.flush();
  subscription?.unsubscribe();
  return !isRefused;
}

const SERVICES = Object.keys(ROWS);
const REPORTER = "reporter-chat";
const ALL = [...SERVICES, OPERATOR, INTEGRATOR, REPORTER];
const but = (...names: string[]) => ALL.filter((name) => !names.includes(name));

// prettier-ignore
const attacks: { attack: string; does: Attempt; by: string[]; unlike?: string }[] = [
  { attack: "hears what another is answered",         does: { listen: "_INBOX_gateway.>" },                 by: but("gateway"),            unlike: "gateway" },
  { attack: "hears everything",                       does: { listen: ">" },                                by: ALL },
  { attack: "hears the facts of usage",               does: { listen: "usage.tracked" },                    by: but(OPERATOR),             unlike: OPERATOR },
  { attack: "hears what others report",               does: { listen: "usage.report.*" },                   by: but(OPERATOR),             unlike: OPERATOR },
  { attack: "hears every question beside the queue",  does: { listen: "credits.>" },                        by: ALL },
  { attack: "hears one kind of question",             does: { listen: "credits.allocate" },                 by: ALL },
  { attack: "hears them in a queue of its own",       does: { listen: "credits.>", queue: "other" },        by: ALL },
  { attack: "answers in the name of credits",         does: { listen: "credits.balance", queue: "credits" }, by: but("credits"),           unlike: "credits" },
  { attack: "says that credits is there",             does: { listen: "$SRV.PING.credits" },                by: but("credits"),            unlike: "credits" },
  { attack: "answers what nobody asked it",           does: { publish: "_INBOX_gateway.abc.1" },            by: ALL },
  { attack: "gives credits",                          does: { publish: "credits.allocate" },                by: but("gateway", OPERATOR),  unlike: "gateway" },
  { attack: "takes credits",                          does: { publish: "credits.deduct" },                  by: but("gateway", OPERATOR),  unlike: "gateway" },
  { attack: "takes the answer to another's chat",     does: { publish: "openrouter.exchange.take.x" },      by: but("gateway", OPERATOR),  unlike: "gateway" },
  { attack: "answers in the name of one process",     does: { listen: "openrouter.exchange.take.x", queue: "openrouter" }, by: but("openrouter"), unlike: "openrouter" },
  { attack: "sets prices",                            does: { publish: "usage.prices.set" },                by: but(OPERATOR),             unlike: OPERATOR },
  { attack: "sets credits aside",                     does: { publish: "credits.hold.create" },              by: ["gateway", "credits", "usage", "coupons", REPORTER], unlike: INTEGRATOR },
  { attack: "has a chat sent on a user's key",        does: { publish: "openrouter.route" },                 by: ["credits", "usage", "coupons", "openrouter", REPORTER], unlike: INTEGRATOR },
  { attack: "tells a fact of usage",                  does: { publish: "usage.tracked" },                   by: but("usage"),              unlike: "usage" },
  { attack: "tells a fact of coupons",                does: { publish: "coupon.redeemed" },                 by: but("coupons"),            unlike: "coupons" },
  { attack: "reports as another source",              does: { publish: "usage.report.search" },             by: but(OPERATOR),             unlike: "reporter-search" },
  { attack: "reports as the users' own source",       does: { publish: "usage.report.user" },               by: but(OPERATOR),             unlike: OPERATOR },
  { attack: "empties a stream",                       does: { publish: "$JS.API.STREAM.PURGE.USAGE" },      by: but(OPERATOR),             unlike: OPERATOR },
  { attack: "deletes a stream",                       does: { publish: "$JS.API.STREAM.DELETE.USAGE" },     by: but(OPERATOR) },
  { attack: "deletes a message",                      does: { publish: "$JS.API.STREAM.MSG.DELETE.USAGE" }, by: but(OPERATOR),             unlike: OPERATOR },
  { attack: "reads a stream",                         does: { publish: "$JS.API.STREAM.MSG.GET.USAGE" },    by: but(OPERATOR),             unlike: OPERATOR },
  { attack: "reads it through a consumer",            does: { publish: "$JS.API.CONSUMER.CREATE.USAGE" },   by: but(OPERATOR),             unlike: OPERATOR },
  { attack: "makes a stream over everything",         does: { publish: "$JS.API.STREAM.CREATE.ALL" },       by: but(OPERATOR),             unlike: OPERATOR },
  { attack: "makes a stream",                         does: { publish: "$JS.API.STREAM.CREATE.USAGE" },     by: but(OPERATOR),             unlike: OPERATOR },
  { attack: "changes a stream",                       does: { publish: "$JS.API.STREAM.UPDATE.USAGE" },     by: but(OPERATOR),             unlike: OPERATOR },
  { attack: "makes a reader that sends on what it reads", does: { publish: "$JS.API.CONSUMER.CREATE.USAGE.credits.usage.tracked" }, by: but(OPERATOR), unlike: OPERATOR },
  { attack: "acknowledges what it was not given",     does: { publish: "$JS.ACK.USAGE.credits.1.1.1.1.0" }, by: ALL },
];

describe.runIf(isOurs)("with the permissions of npm start", () => {
  test("no service has a stream of its own take in what others ask, also where the broker has lost that stream", async () => {
    const seen = new Streams(await as(OPERATOR));
    for (const [service, { owns = [] }] of Object.entries(ROWS)) {
      const { connection } = await as(service);
      for (const { name } of owns) {
        expect(await seen.state(name)).toBeUndefined();
        const republish = { src: ">", dest: `${inboxOf(service)}.>` };
        const config = JSON.stringify({ name, subjects: ["openrouter.account.create"], republish });
        await expect(connection.request(`$JS.API.STREAM.CREATE.${name}`, config)).rejects.toThrow(
          "Permissions Violation",
        );
        expect(await seen.state(name)).toBeUndefined();
      }
    }
  });

  test("an operator makes every stream and reader, and services find them", async () => {
    await makeStreams(new Streams(await as(OPERATOR)));
    for (const [service, { owns = [], reads = [] }] of Object.entries(ROWS)) {
      const seen = new Streams(await as(service));
      for (const { name } of owns) expect(await seen.state(name)).toMatchObject({ lastSeq: 0 });
      for (const { stream, durable } of reads)
        expect((await (await seen.consumer(stream.name, durable)).info()).name).toBe(durable);
    }
  });

  test.each(attacks)("nobody $attack", async ({ does, by, unlike }) => {
    if (unlike !== undefined) expect(await may(unlike, does)).toBe(true);
    const succeeded = [];
    for (const user of by) if (await may(user, does)) succeeded.push(user);
    expect(succeeded).toEqual([]);
  });

  test("who is asked answers once, and nobody else answers in his place", async () => {
    const [asker, asked, other] = [await as("gateway"), await as("credits"), await as("coupons")];
    let inbox = "";
    asked.connection.subscribe("credits.balance", {
      queue: "credits",
      callback: (_, message) => {
        inbox = message.reply ?? "";
        other.connection.publish(inbox, "forged");
        void other.connection.flush().then(() => message.respond("true"));
      },
    });
    await asked.connection.flush();
    const answer = await asker.connection.request("credits.balance", "", { timeout: 5_000 });
    expect(answer.string()).toBe("true");
    expect(inbox).toMatch(/^_INBOX_gateway\./);
    expect(await may("credits", { publish: inbox })).toBe(false);
  });

  test("nobody comes in without a name, with a key that is not known, or with one that was taken away", async () => {
    const url = broker?.url ?? "";
    await expect(openBus({ url, name: "credits", log })).rejects.toThrow("Authorization Violation");
    const strangers = join(folder, "strangers");
    await openUsers(strangers);
    await expect(openBus({ url, keys: strangers, name: "credits", log })).rejects.toThrow("Authorization Violation");
    await expect(openBus({ url, keys, name: "nobody", log })).rejects.toThrow("there is no seed of the broker's user");
  });

  test("the broker's log tells of refusals in words that the other tests look for", async () => {
    const words = ["Publish Violation", "Subscription Violation", "authentication error"];
    const areTold = async () => {
      const told = (await refusalsIn(logFile)).join("\n");
      return words.every((each) => told.includes(each));
    };
    expect(await until(areTold, 5_000)).toBe(true);
  });
});
