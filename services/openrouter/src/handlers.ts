/** What the openrouter service answers: each contract joined with what does it. */
import * as contracts from "@tollbooth/shared/contracts/openrouter";
import { handle, type Endpoint } from "@tollbooth/shared/handler";
import { keyed } from "@tollbooth/shared/idempotency";
import { connect, notConnected, sync, tell, type Connecting } from "./accounts.ts";
import { deleteAccount, readAccount } from "./accounts.store.ts";
import { Secret } from "./secret.ts";

/** Everything that the service answers. */
export function endpoints(connecting: Connecting): Endpoint[] {
  const { db } = connecting;
  return [
    handle(contracts.createAccount, (input, context) => {
      const { user_id, api_key, email = null } = input;
      const asked = { userId: context.onUser(user_id), apiKey: new Secret(api_key), email };
      return connect(connecting, asked, keyed(contracts.createAccount, input, context));
    }),
    handle(contracts.getAccount, async ({ user_id }, context) => {
      const account = await readAccount(db, context.onUser(user_id));
      return account === undefined ? null : tell(account);
    }),
    handle(contracts.syncAccount, (input, context) =>
      sync(connecting, context.onUser(input.user_id), keyed(contracts.syncAccount, input, context)),
    ),
    handle(contracts.deleteAccount, async ({ user_id }, context) => {
      if (!(await deleteAccount(db, context.onUser(user_id)))) throw notConnected();
      return { message: "the key is forgotten, and this user is no longer connected to OpenRouter" };
    }),
  ];
}
