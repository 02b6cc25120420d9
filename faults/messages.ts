/** What happens to messages: they come again, late and in another order, are lost with their store, or should never have been sent. */
import { randomUUID } from "node:crypto";
import {
  discardDeadCharges,
  discardDeadLetters,
  listDeadCharges,
  listDeadLetters,
} from "@tollbooth/shared/contracts/dead-letters";
import { MESSAGE_MAX_BYTES, streams } from "@tollbooth/shared/streams";
import type { Harm } from "./harms.ts";
import type { Message } from "./tape.ts";
import { CONSUMED, type World } from "./world.ts";

export const MESSAGES: readonly Harm[] = [
  {
    kind: "the broker's store deleted",
    name: "the broker's store deleted",
    on: "nats",
    to: (world) => world.platform.loseBrokerStore(),
  },
  {
    kind: "delivered again",
    name: "all messages delivered again",
    on: "messages",
    to: deliverAgain,
  },
  {
    kind: "sent again late and out of order",
    name: "messages sent again in another order, under new ids",
    on: "messages",
    to: ({ tape }, random) => tape.sayAgain(random),
  },
  {
    kind: "malformed and poison messages",
    name: "malformed and poison messages on every stream",
    on: "messages",
    to: sendPoison,
  },
  {
    kind: "messages over the limit",
    name: "messages over the limit on every stream",
    on: "messages",
    to: sendTooLarge,
  },
];

/** Lets the broker forget what was acknowledged: it delivers all that it holds again. */
export async function deliverAgain({ bus }: World): Promise<void> {
  const manager = await bus.connection.jetstreamManager();
  await Promise.all(CONSUMED.map(({ stream, durable }) => manager.consumers.delete(stream, durable)));
}

/** Sends what can never be applied. Throws where the broker does not take all of it. */
export async function sendPoison(world: World): Promise<void> {
  const messages = [...poisonedReports(), ...poisonedFacts(world)];
  for (const { body } of messages) world.poison.add(body);
  await Promise.all(messages.map((message) => world.tape.say(message)));
}

/** What a reporter may send and nobody can record: each a letter of its own. */
function poisonedReports(): Message[] {
  const bodies = [
    `{"user_id": "${randomUUID()}`,
    `${randomUUID()} \u{1F4A5}`,
    `["${randomUUID()}"]`,
    `${"[".repeat(1_000)}"${randomUUID()}"${"]".repeat(1_000)}`,
    report({ event_id: undefined, metadata: { of: randomUUID() } }),
    report({ quantity: "-1" }),
    report({ quantity: "9".repeat(400) }),
    report({ user_id: "" }),
    report({ service: "a\u0000b" }),
    report({ service: "nobody", model: "has-a-price" }),
    report({ occurred_at: "2099-01-01T00:00:00Z" }),
    report({ occurred_at: "1999-01-01T00:00:00Z" }),
    report({ source: "somebody-else" }),
    report({ is_admin: true }),
  ];
  const of = { stream: streams.usageReports.name, subject: streams.usageReports.subjects[0].replace("*", "poison") };
  const timed = { ...of, headers: { "ce-time": "yesterday" }, body: report({}) };
  return [...bodies.map((body) => ({ ...of, headers: {}, body })), timed];
}

/** A good one, but for what is said. */
function report(but: object): string {
  const event_id = randomUUID();
  return JSON.stringify({ user_id: "poisoned", event_id, service: "tts", quantity: "1", unit: "character", ...but });
}

/** What no service of ours would tell. */
function poisonedFacts({ tape, poison }: World): Message[] {
  const facts = [streams.usage, streams.coupons].flatMap(({ name: stream, subjects: [subject] }) => {
    const parcel = { "content-type": "application/cloudevents-batch+json" };
    return [
      { stream, subject, headers: {}, body: `{"id": "${randomUUID()}` },
      { stream, subject, headers: {}, body: JSON.stringify({ id: "x", user_id: randomUUID(), charged: "NaN" }) },
      { stream, subject, headers: parcel, body: `[{"id": 1, "data": "${randomUUID()}"}]` },
    ];
  });
  // Among facts that were applied long ago one that cannot be: they must not be applied again with it.
  const before = tape
    .of(streams.usage.name)
    .findLast(({ body }) => body.startsWith("[") && body.length < MESSAGE_MAX_BYTES / 2);
  if (before === undefined) return facts;
  const data = { poison: randomUUID() };
  poison.add(JSON.stringify(data));
  const body = JSON.stringify([...(JSON.parse(before.body) as unknown[]), { id: "x", data }]);
  return [...facts, { ...before, body }];
}

/** Sends what is larger than a stream takes. Throws where it is taken, and where the broker is away. */
export async function sendTooLarge({ tape }: World): Promise<void> {
  for (const { name: stream, subjects } of [streams.usageReports, streams.usage, streams.coupons])
    for (const bytes of [MESSAGE_MAX_BYTES + 1, 2 ** 20]) {
      const body = JSON.stringify("x".repeat(bytes - '""'.length));
      const said = await tape.say({ stream, subject: subjects[0].replace("*", "poison"), headers: {}, body }).then(
        () => "taken",
        (error: Error) => error.message,
      );
      if (!said.includes("message size exceeds maximum allowed")) throw new Error(`${bytes} bytes: ${said}`);
    }
}

const OFFICES = [
  { list: listDeadLetters, discard: discardDeadLetters },
  { list: listDeadCharges, discard: discardDeadCharges },
] as const;
const PAGE = 50;

/** Puts the dead letters of poison away, as `npm run dlq -- discard` does; answers how many. Others stay, and break a law. */
export async function discardPoison({ bus, poison }: World): Promise<number> {
  let discarded = 0;
  for (const { list, discard } of OFFICES) {
    for (let after = "0", more = true; more;) {
      const letters = await bus.ask(list, { after, limit: PAGE });
      const ids = letters.filter(({ body }) => poison.has(body)).map(({ id }) => id);
      if (ids.length > 0) await bus.ask(discard, { ids, by: "faults", reason: "it was sent to be dead" });
      discarded += ids.length;
      after = letters.at(-1)?.id ?? after;
      more = letters.length === PAGE;
    }
  }
  return discarded;
}
