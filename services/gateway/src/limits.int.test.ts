import { describe, expect, test } from "vitest";
import { listTiers } from "@tollbooth/shared/contracts/tiers";
import { Reply } from "@tollbooth/shared/handler";
import { testNats } from "@tollbooth/shared/testing/nats";
import { bearer, bodyOf, endpoint, startGateway } from "./testing/gateway.ts";

const { url: natsUrl } = await testNats();
const tiers = endpoint(listTiers, () => new Reply("[]"));

/** What a client gets who asks so many times. */
const statuses = async (api: string, headers: Record<string, string>, times: number) => {
  const found: number[] = [];
  for (let i = 0; i < times; i++) found.push((await fetch(`${api}/tiers/compare`, { headers })).status);
  return found;
};

describe("limits", () => {
  const env = { RATE_LIMIT_USER: "2", RATE_LIMIT_ADDRESS: "5", RATE_LIMIT_WINDOW_S: "600" };
  test("hold a user, not his neighbour, and say when to come back", async () => {
    const { api } = await startGateway({ natsUrl, env, endpoints: [tiers] });
    expect(await statuses(api, await bearer("alice"), 2)).toEqual([200, 200]);
    const refused = await fetch(`${api}/tiers/compare`, { headers: await bearer("alice") });
    expect([refused.status, (await bodyOf(refused)).code]).toEqual([429, "rate_limited"]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(590);
    expect(refused.headers.get("ratelimit-policy")).toBe('"address";q=5;w=600, "user";q=2;w=600');
    expect(refused.headers.get("ratelimit")).toMatch(/^"address";r=2;t=\d+, "user";r=0;t=\d+$/);
    expect(await statuses(api, await bearer("bob"), 1)).toEqual([200]);
  });

  test("hold an address, bad tokens and unknown paths included, before a token is verified", async () => {
    const { api } = await startGateway({ natsUrl, env, endpoints: [tiers] });
    expect(await statuses(api, { authorization: "Bearer x" }, 4)).toEqual([401, 401, 401, 401]);
    expect((await fetch(`${api}/nothing`)).status).toBe(404);
    expect(await statuses(api, { authorization: "Bearer x" }, 1)).toEqual([429]);
    expect(await statuses(api, await bearer("bob"), 1)).toEqual([429]);
  });

  test.each(["service", "admin"])("do not hold a %s", async (role) => {
    const { api } = await startGateway({ natsUrl, env, endpoints: [tiers] });
    expect(new Set(await statuses(api, await bearer("svc", role), 20))).toEqual(new Set([200]));
  });

  test("an address is the connection's, whatever the client says, unless a proxy is trusted", async () => {
    const direct = await startGateway({ natsUrl, env, endpoints: [tiers] });
    const proxied = await startGateway({ natsUrl, env: { ...env, TRUST_PROXY: "1" }, endpoints: [tiers] });
    const last = { direct: 0, proxied: 0 };
    for (let i = 0; i < 6; i++) {
      const headers = { "x-forwarded-for": `198.51.100.${i}` };
      last.direct = (await fetch(`${direct.api}/tiers/compare`, { headers })).status;
      last.proxied = (await fetch(`${proxied.api}/tiers/compare`, { headers })).status;
    }
    expect(last).toEqual({ direct: 429, proxied: 200 });
  });
});
