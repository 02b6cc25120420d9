/** What must hold of the openrouter tables; the audit and the tests try it. */
import type { Law } from "@tollbooth/shared/law";
import { sql } from "@tollbooth/shared/sql";

/** A whole OpenRouter key; not the beginning of an e-mail address that only looks like one. */
const KEY = "sk-or-v1-[A-Za-z0-9_-]{8,}([^A-Za-z0-9_.+'@-]|$)";

export const laws: readonly Law[] = [
  {
    invariant: 11,
    says: "no key stands where it is not encrypted",
    breaches: sql`
      select 'openrouter_accounts: the key of ' || user_id as breach from openrouter_accounts
      where concat_ws(' ', email, account_id, key_hint, sealed_key) ~ ${KEY}
      union all
      select 'commands: an answer to ' || user_id from commands where answer ~ ${KEY}
      union all
      select 'routed_requests: a report of ' || user_id from routed_requests where report::text ~ ${KEY}`,
  },
  {
    invariant: 4,
    says: "what chats on users' own keys used was told to usage within 45 s",
    breaches: sql`
      select user_id || ': request ' || request_id || ', ' || coalesce(last_error, 'not told yet') as breach from routed_requests
      where report is not null and recorded_at is null and answered_at < now() - interval '45 seconds'`,
  },
];
