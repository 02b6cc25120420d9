/** What the gateway asks for its clients: an exchange is opened, then its answer is taken part by part. */
import { answeredBy } from "@tollbooth/shared/contract";
import { listModels, openExchange, takeExchange } from "@tollbooth/shared/contracts/exchanges";
import { handle, type Context, type Endpoint } from "@tollbooth/shared/handler";
import { readBody } from "./body.ts";
import type { Exchanges } from "./exchanges.ts";
import { send } from "./metering.ts";
import { tellModels, type Models } from "./models.ts";
import type { Metering } from "./settling.ts";

/** The list of models, and exchanges: to take from one is this process's own endpoint. */
export function proxyEndpoints(metering: Metering & Models, exchanges: Exchanges): Endpoint[] {
  return [
    handle(listModels, () => tellModels(metering)),
    handle(openExchange, async ({ request_id: requestId, kind, key, body }, context) => {
      const userId = context.onUser(undefined);
      const wanted = readBody(kind, body);
      const asked = { userId, requestId, askedBy: askerOf(context), wanted, key };
      const exchange = await send(metering, exchanges, asked);
      return { exchange_id: exchanges.add(exchange, userId), process: exchanges.process };
    }),
    handle(answeredBy(takeExchange, exchanges.process), async ({ exchange_id: id, left = false }, context) => {
      const { head, text, done } = await exchanges.take(id, context.onUser(undefined), left);
      return { ...(head && { head: { is_stream: head.isStream, headers: { ...head.headers } } }), text, done };
    }),
  ];
}

function askerOf({ caller }: Context): string {
  return caller?.azp ?? caller?.sub ?? "";
}
