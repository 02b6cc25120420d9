/**
 * What the real OpenRouter once answered, as it was recorded, goes the whole way: a client asks what was asked then, a
 * server answers what was answered then, and credits pay what the answer says that it cost, and the markup.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Role } from "@tollbooth/shared/contract";
import { allocate, getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { syncModels } from "@tollbooth/shared/contracts/openrouter";
import { until } from "@tollbooth/shared/local/condition";
import { decimal, print, round12, ZERO, type Money } from "@tollbooth/shared/money";
import {
  areThere,
  recorded,
  recordedModels,
  type Answered,
  type Recorded,
} from "../services/openrouter/src/testing/recorded.ts";
import { breaches } from "./harness/books.ts";
import { newKey } from "./harness/openrouter.ts";
import { Person, somebody } from "./harness/person.ts";
import { openPlatform, type Own } from "./harness/platform.ts";
import { openAi, raw } from "./harness/proxy.ts";

const WITHIN_MS = 15_000;
/** Hundreds of prices are taken over first. */
const LISTED_WITHIN_MS = 60_000;
/** More than anything recorded may cost. */
const BOUGHT = "100";
/** With what the trial grants. */
const AVAILABLE = "105.000000000000";
/** What is not sold any more when the list was recorded has this price, so that it can be bounded. */
const PRICED_HERE = { prompt: "0.000003", completion: "0.000015", input_cache_read: "0.0000003" };

/** What has to have a price, or be free, before it can be asked. */
const needed = [...new Set(recorded.flatMap(({ asked: { model, models = [] } }) => [model, ...models]))].filter(
  (id) => !id.endsWith(":free"),
);
const answered = recorded.filter(({ status }) => status === 200);
const refused = recorded.filter(({ status }) => status !== 200);

/** A model as our list tells of it. */
interface Listed {
  readonly pricing: Readonly<Record<string, string>>;
  readonly tollbooth: { readonly markup_rate: string };
}

/** Answers what was recorded under the name that a request gives its user. */
const server = createServer((request, response) => {
  if (request.method === "GET") return sendJson(response, 200, { data: modelsThere() });
  json(request).then(
    (body) => answer(recorded[Number((body as { user: string }).user)] as Recorded, response),
    () => response.destroy(),
  );
});

let own: Own;
let root: Person;
let listed: ReadonlyMap<string, Listed>;

describe.runIf(areThere)("what was recorded", () => {
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`;
    own = await openPlatform("recorded", { OPENROUTER_BASE_URL: url, OPENROUTER_API_KEY: newKey("managed") });
    root = await person(["admin"]);
    // Prices that are listed before may be those of a fresh platform, and change while chats are charged.
    await root.ok(syncModels);
    const client = await openAi(root.sub, own.reach);
    const isListed = async () => {
      const models = await client.models.list().catch(() => undefined);
      listed = new Map(models?.data.map((model) => [model.id, model as unknown as Listed]));
      return needed.every((id) => listed.has(id));
    };
    expect(await until(isListed, LISTED_WITHIN_MS)).toBe(true);
  });
  afterAll(async () => {
    await own.close();
    server.close();
  });

  // Several at a time; refusals one by one, because many at once would look like an OpenRouter that is down.
  test.concurrent.each(answered)(
    "is charged what it cost and the markup, to the last digit: $name",
    async (exchange) => {
      const { user, status } = await ask(exchange);
      expect(status).toBe(200);
      const isEnded = async () => ((await user.ok(getBalance)) as { held: string }).held === print(ZERO);
      expect(await until(isEnded, WITHIN_MS)).toBe(true);
      const charges = await user.ok(listTransactions, { transaction_type: "usage" });
      const wanted = chargeOf(exchange);
      expect(charges.map(({ amount }) => amount)).toEqual(wanted.isZero() ? [] : [print(wanted.neg())]);
    },
  );

  test.each(refused)("is passed on as a refusal, and nothing is charged or held: $name", async (exchange) => {
    const { user, status } = await ask(exchange);
    expect(status).toBe(exchange.status);
    const isWhole = async () => ((await user.ok(getBalance)) as { available: string }).available === AVAILABLE;
    expect(await until(isWhole, WITHIN_MS)).toBe(true);
  });

  test("and the books balance", async () => {
    expect(await breaches(own.reach.auditUrls)).toEqual([]);
  });
});

const person = (roles: readonly Role[] = ["user"]) => Person.of(somebody(), roles, own.reach);

/** Somebody with credits asks what was asked then. */
async function ask(exchange: Recorded): Promise<{ user: Person; status: number }> {
  const user = await person();
  await root.ok(allocate, { user_id: user.sub, amount: BOUGHT, source: "test" });
  const body = { ...exchange.asked, user: String(recorded.indexOf(exchange)) };
  return { user, status: (await raw(own.reach, { sub: user.sub, body })).status };
}

/** What its answer says that it cost, and the markup that the list of models told of whichever model served. */
function chargeOf({ stream, whole, asked }: Recorded): Money {
  const { model: served = "", usage } = whole ?? lastIn(stream ?? "");
  // What answered is named with its date, mostly.
  const model = listed.get(served) ?? listed.get(asked.model);
  if (model === undefined) return ZERO;
  const upstream = usage?.is_byok ? (usage.cost_details?.upstream_inference_cost ?? 0) : 0;
  const cost = usage?.cost === undefined ? listPriceOf(model, usage) : decimal(String(usage.cost)).plus(upstream);
  return round12(cost.times(decimal(model.tollbooth.markup_rate).plus(1)));
}

/** The last event of a stream that says what was used. */
function lastIn(stream: string): Answered {
  const data = [...stream.matchAll(/^data: (\{.*"usage":.*)$/gm)].map(([, text = ""]) => JSON.parse(text) as Answered);
  return data.findLast(({ usage }) => usage !== undefined) ?? {};
}

/** What the tokens of an answer cost that was recorded before OpenRouter told it by itself. */
function listPriceOf({ pricing }: Listed, usage: Answered["usage"]): Money {
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0;
  const cost = (unit: string, count = NaN) => decimal(pricing[unit] ?? "NaN").times(count);
  return cost("input_token", (usage?.prompt_tokens ?? NaN) - cached)
    .plus(cached === 0 ? 0 : cost("cached_token", cached))
    .plus(cost("output_token", usage?.completion_tokens));
}

/** The models of the recorded list, and of what it does not have any more at a price of ours. */
function modelsThere(): readonly { readonly id: string }[] {
  const models = recordedModels();
  const known = new Set(models.map(({ id }) => id));
  const added = needed.filter((id) => !known.has(id));
  return [...models, ...added.map((id) => ({ id, pricing: PRICED_HERE }))];
}

function answer({ stream, whole, status }: Recorded, response: ServerResponse): void {
  if (stream === undefined) return sendJson(response, status, whole);
  response.writeHead(status, { "content-type": "text/event-stream" }).end(stream);
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
