import { describe, expect, test } from "vitest";
import { syncModels } from "@tollbooth/shared/contracts/openrouter";
import { priceHistory } from "@tollbooth/shared/contracts/prices";
import { admin, newUser, Person, service } from "../harness/person.ts";

const MODEL = "openai/gpt-4.1";
const AT = `/models/${encodeURIComponent(MODEL)}/prices`;

describe("POST /models/sync", () => {
  test("fetches OpenRouter's prices now, and again changes nothing", async () => {
    const root = await admin();
    await root.ok(syncModels);
    const { priced, changed, quarantined } = await root.ok(syncModels);
    expect([priced > 10, changed, quarantined]).toEqual([true, 0, 0]);
    const key = { "idempotency-key": "sync-1" };
    const first = await root.ask(syncModels, {}, key);
    const again = await root.ask(syncModels, {}, key);
    expect([again.text, again.headers.get("idempotency-replayed")]).toEqual([first.text, "true"]);
  });

  test("is an admin's, and takes nothing", async () => {
    for (const who of [await newUser(), await service()])
      expect((await who.refused(syncModels, {})).code).toBe("forbidden");
    expect((await Person.with(undefined).ask(syncModels, {})).status).toBe(401);
    expect((await (await admin()).refused(syncModels, { now: true })).code).toBe("invalid_request");
  });
});

describe("GET /models/{model}/prices", () => {
  test("tells a model's price and those before, latest first, its name with %2F for a slash", async () => {
    await (await admin()).ok(syncModels);
    const history = await (await newUser()).ok(priceHistory, { model: MODEL });
    expect(history[0]).toMatchObject({ service: "openrouter", model: MODEL, source: "openrouter-models" });
    const starts = history.map(({ valid_from: from }) => from ?? "");
    expect(starts).toEqual(starts.toSorted().toReversed());
    const limited = await (await service()).ok(priceHistory, { model: MODEL, limit: 1 });
    expect(limited).toEqual(history.slice(0, 1));
    expect(await (await admin()).ok(priceHistory, { model: "nobody/none" })).toEqual([]);
  });

  test("of another service can be asked for", async () => {
    const [price] = await (await newUser()).ok(priceHistory, { service: "openai", model: "gpt-4.1" });
    expect(price).toMatchObject({ service: "openai", model: "gpt-4.1" });
  });

  test("needs a token, and a name that is one segment", async () => {
    const user = await newUser();
    expect((await Person.with(undefined).send("GET", AT)).status).toBe(401);
    expect((await user.send("GET", AT)).status).toBe(200);
    expect((await user.send("GET", `/models/${MODEL}/prices`)).status).toBe(404);
    expect((await user.send("GET", `${AT}?limit=0`)).status).toBe(422);
    expect((await user.send("GET", `${AT}?user_id=ann`)).status).toBe(422);
    expect((await user.send("POST", AT)).status).toBe(405);
  });
});
