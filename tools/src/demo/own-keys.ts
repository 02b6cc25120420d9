/** Users with OpenRouter keys of their own. */
import { createOpenRouterAccount } from "@tollbooth/shared/contracts/openrouter";
import { inLanes } from "./lanes.ts";
import type { PlannedEvent } from "./plan.ts";
import type { Scene } from "./scene.ts";

const LANES = 8;

/** Connects everybody whose key is needed; answers how many. */
export async function connectAll(planned: readonly PlannedEvent[], { rest, tokenOf }: Scene): Promise<number> {
  const owners = [...new Set(planned.filter(paysByOwnKey).map(({ userId }) => userId))];
  await inLanes(LANES, owners, async (userId) => {
    const asked = { token: await tokenOf(userId, "user"), key: `${userId}-connect` };
    await rest.ask(createOpenRouterAccount, { api_key: `sk-or-v1-demo-${userId}` }, asked);
  });
  return owners.length;
}

function paysByOwnKey({ way }: PlannedEvent): boolean {
  return way.by === "proxy" && way.key === "byok";
}
