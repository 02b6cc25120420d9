/** What must hold of the openrouter tables; the audit and the tests try it. */
import type { Law } from "@tollbooth/shared/law";
import { sql } from "@tollbooth/shared/sql";

export const laws: readonly Law[] = [
  {
    invariant: 4,
    says: "what requests used was told to usage within 45 s",
    breaches: sql`
      select user_id || ': request ' || request_id || ', ' || coalesce(last_error, 'not told yet') as breach from routed_requests
      where state = 'answered' and answered_at < now() - interval '45 seconds'`,
  },
  {
    invariant: 4,
    says: "a request in a process's hands, or refused, goes on within 45 s",
    breaches: sql`
      select user_id || ': request ' || request_id || ' is ' || state || ', ' || coalesce(last_error, 'nobody has it in his hands') as breach
      from routed_requests where state in ('reserving', 'sent', 'refused') and next_at < now() - interval '45 seconds'`,
  },
];
