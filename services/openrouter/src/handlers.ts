/** What the openrouter service answers: each contract joined with what does it. */
import * as contracts from "@tollbooth/shared/contracts/openrouter";
import { handle, Reply, type Endpoint } from "@tollbooth/shared/handler";
import { keyed } from "@tollbooth/shared/idempotency";
import { change, connect, notConnected, sync, tell, tellSettings, type Connecting } from "./accounts.ts";
import { deleteAccount, readAccount } from "./accounts.store.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Exchanges } from "./exchanges.ts";
import type { Models } from "./models.ts";
import { once } from "./once.ts";
import { proxyEndpoints } from "./proxy-handlers.ts";
import { route } from "./routing.ts";
import { Secret } from "./secret.ts";
import { readSettings } from "./settings.store.ts";
import type { Metering } from "./settling.ts";

/** For our own work after OpenRouter has answered. */
const RESERVE_MS = 500;

/** Everything that the service answers. */
export function endpoints(
  metering: Metering & Models,
  exchanges: Exchanges,
  catalogue: Pick<Catalogue, "sync">,
): Endpoint[] {
  return [
    ...ofUsers(metering),
    ...ofServices(metering, exchanges),
    ...proxyEndpoints(metering, exchanges),
    handle(contracts.syncModels, (input, context) =>
      once(metering.db, keyed(contracts.syncModels, input, context), async () => {
        const inTime = AbortSignal.timeout(Math.max(0, context.deadlineMs - Date.now() - RESERVE_MS));
        const synced = await catalogue.sync(inTime);
        return async () => new Reply(JSON.stringify(synced));
      }),
    ),
  ];
}

function ofUsers(connecting: Connecting): Endpoint[] {
  const { db } = connecting;
  return [
    handle(contracts.createOpenRouterAccount, (input, context) => {
      const { user_id, api_key, email = null } = input;
      const asked = { userId: context.onUser(user_id), apiKey: new Secret(api_key), email };
      return connect(connecting, asked, keyed(contracts.createOpenRouterAccount, input, context));
    }),
    handle(contracts.getOpenRouterAccount, async ({ user_id }, context) => {
      const account = await readAccount(db, context.onUser(user_id));
      return account === undefined ? null : tell(account);
    }),
    handle(contracts.syncOpenRouterAccount, (input, context) =>
      sync(connecting, context.onUser(input.user_id), keyed(contracts.syncOpenRouterAccount, input, context)),
    ),
    handle(contracts.deleteOpenRouterAccount, async ({ user_id }, context) => {
      if (!(await deleteAccount(db, context.onUser(user_id)))) throw notConnected();
      return { message: "the key is forgotten, and this user is no longer connected to OpenRouter" };
    }),
    handle(contracts.getOpenRouterSettings, async ({ user_id }, context) => {
      const userId = context.onUser(user_id);
      return tellSettings(userId, await readSettings(db, userId));
    }),
    handle(contracts.setOpenRouterSettings, (input, context) => {
      const { user_id, auto_clamp: autoClamp, fallback_to_credits: fallbackToCredits } = input;
      const changes = { userId: context.onUser(user_id), autoClamp, fallbackToCredits };
      return change(db, changes, keyed(contracts.setOpenRouterSettings, input, context));
    }),
  ];
}

function ofServices(metering: Metering, exchanges: Exchanges): Endpoint[] {
  const { quotes } = metering;
  return [
    handle(contracts.modelMarkup, async ({ model }) => {
      const { markupClass, markupRate } = await quotes.of(model);
      return { model, markup_class: markupClass, markup_rate: markupRate.toFixed() };
    }),
    handle(contracts.freeModel, async ({ model }) => ({ model, is_free: (await quotes.of(model)).isFree })),
    handle(contracts.routeChat, (asked, { caller, deadlineMs }) =>
      route(metering, exchanges, asked, { askedBy: caller?.azp ?? caller?.sub ?? "", deadlineMs }),
    ),
  ];
}
