/**
 * A client of the REST API: what is there, a use, what is there then. A request whose answer was lost is sent again with the
 * same key, and is done once.
 *
 *     USER_TOKEN=$(npm run -s token -- --user alice) node examples/node/client.mjs http://127.0.0.1:8084
 */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

const API = `${process.argv[2] ?? "http://127.0.0.1:8084"}/api/v1/credits`;
const TRIES = 5;

/** What the platform answers. Throws its problem (RFC 9457) where it refuses. */
async function ask(method, path, body, key = randomUUID()) {
  const headers = { authorization: `Bearer ${process.env.USER_TOKEN}`, "content-type": "application/json" };
  if (method === "POST") headers["idempotency-key"] = key;
  const request = { method, headers, body: JSON.stringify(body) };
  for (let left = TRIES; ; left--) {
    const answer = await fetch(API + path, request).catch(() => undefined);
    if (answer?.ok) return answer.json();
    const isOver = answer !== undefined && answer.status !== 429 && answer.status < 500;
    if (isOver || left === 1) throw new Error(answer ? await answer.text() : `${API} does not answer`);
    await pause(1000 * Number(answer?.headers.get("retry-after") ?? 1));
  }
}

// Amounts are exact decimal strings. Compute with them in a decimal library, never as numbers.
console.log("before", (await ask("GET", "/balance")).available);
const event = randomUUID();
const use = { service: "openrouter", model: "openai/gpt-4o-mini", input_tokens: 1200, output_tokens: 300 };
console.log("cost  ", (await ask("POST", "/usage/track", { ...use, event_id: event })).total_cost);

// The charge is made a moment after the answer.
for (let line; line === undefined; await pause(100)) {
  const lines = await ask("GET", "/transactions?transaction_type=usage");
  line = lines.find(({ metadata }) => metadata.event_id === event);
  if (line !== undefined) console.log("after ", line.balance_after);
}
