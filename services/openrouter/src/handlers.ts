/** What the openrouter service answers: each contract joined with what does it. */
import * as contracts from "@tollbooth/shared/contracts/openrouter";
import { handle, type Endpoint } from "@tollbooth/shared/handler";
import { keyed } from "@tollbooth/shared/idempotency";
import { connect, notConnected, sync, tell, type Connecting } from "./accounts.ts";
import { deleteAccount, readAccount } from "./accounts.store.ts";
import type { Quotes } from "./quotes.ts";
import { route, type Routing } from "./routing.ts";
import { Secret } from "./secret.ts";

/** Everything that the service answers. */
export function endpoints(routing: Routing, quotes: Quotes): Endpoint[] {
  return [...ofUsers(routing), ...ofServices(routing, quotes)];
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
  ];
}

function ofServices(routing: Routing, quotes: Quotes): Endpoint[] {
  return [
    handle(contracts.modelMarkup, async ({ model }) => {
      const { markup_class, markup_rate } = await quotes.of(model);
      return { model, markup_class, markup_rate };
    }),
    handle(contracts.freeModel, async ({ model }) => ({ model, is_free: (await quotes.of(model)).is_free })),
    handle(contracts.routeChat, (asked, { caller, deadlineMs }) =>
      route(routing, asked, { askedBy: caller?.azp ?? caller?.sub ?? "", deadlineMs }),
    ),
  ];
}
