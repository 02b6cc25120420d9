/** People whose balance lasts for every bench. */
import { allocate } from "@tollbooth/shared/contracts/credits";
import { Rest } from "@tollbooth/tools/demo/rest";
import type { Platform } from "@tollbooth/tools/platform";

/** So many users, each of whom has bought a million credits. */
export async function openUsers(platform: Platform, count: number): Promise<string[]> {
  const rest = new Rest(platform.gatewayUrl);
  const token = await platform.tokenFor("admin", ["admin"]);
  const userIds = Array.from({ length: count }, (_, i) => `user-${i}`);
  for (const user_id of userIds) await rest.ask(allocate, { user_id, amount: "1000000", source: "bench" }, { token });
  return userIds;
}
