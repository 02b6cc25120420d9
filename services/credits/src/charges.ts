/** Usage that was recorded becomes a charge: one `usage.tracked` event, one line. */
import { usageTracked } from "@tollbooth/shared/contracts/usage";
import { printInstant } from "@tollbooth/shared/contract";
import type { Reply } from "@tollbooth/shared/handler";
import { submit, type Poster } from "./posting.ts";

/** The source of what users report themselves. */
const OF_USERS = "user";

/** Posts the charge of an event, once. Resolves when it is committed; throws on an event that cannot be read. */
export async function postCharge(poster: Poster, data: unknown): Promise<Reply> {
  const event = usageTracked.data.parse(data);
  const { id, user_id, charged, hold_id: holdId, cost_breakdown: cost, free_value, service, model } = event;
  return submit(poster, {
    userId: user_id,
    eventId: id,
    command: {
      kind: "charge",
      amount: charged,
      freeValue: free_value,
      service,
      model: model ?? undefined,
      holdId: holdId ?? undefined,
      cost: { providerCost: cost.provider_cost, markup: cost.markup },
      actor: event.source === OF_USERS ? { sub: user_id, role: "user" } : { sub: event.source, role: "service" },
      key: `event:${id}`,
      metadata: { source: event.source, event_id: event.source_event_id, occurred_at: printInstant(event.occurred_at) },
    },
  });
}
