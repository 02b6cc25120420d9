/**
 * Reports one use of a model over NATS, and sends it again until the platform says that it is charged.
 *
 *     node examples/node/report.mjs nats://127.0.0.1:29050 .tollbooth/broker/reporter-chat.nk alice chat-7
 */
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { connect, nkeyAuthenticator } from "nats";

const [servers, seed, user, id] = process.argv.slice(2);
const authenticator = nkeyAuthenticator(await readFile(seed));
const broker = await connect({ servers, authenticator, inboxPrefix: "_INBOX_reporter-chat" });
const event = { user_id: user, event_id: id, service: "openrouter", model: "openai/gpt-4o-mini", tokens: 1500 };
const question = JSON.stringify({ source: "chat", events: [{ user_id: user, event_id: id }] });

let outcome = "unknown";
while (outcome === "unknown") {
  await broker.jetstream().publish("usage.report.chat", JSON.stringify(event));
  await pause(500);
  const answer = await broker.request("usage.event.outcomes", question, { timeout: 5_000 });
  [{ outcome }] = answer.json();
}
console.log(outcome);
await broker.drain();
