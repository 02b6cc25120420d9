/** What must hold of the openrouter tables; the audit and the tests try it. */
import type { Law } from "@tollbooth/shared/law";
import { sql } from "@tollbooth/shared/sql";

export const laws: readonly Law[] = [
  {
    invariant: 4,
    says: "what chats on users' own keys used was told to usage within 45 s",
    breaches: sql`
      select user_id || ': request ' || request_id || ', ' || coalesce(last_error, 'not told yet') as breach from routed_requests
      where report is not null and recorded_at is null and answered_at < now() - interval '45 seconds'`,
  },
];
