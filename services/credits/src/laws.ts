/** What must hold of the ledger's tables, once time is settled; the audit and the tests try it. */
import type { Law } from "@tollbooth/shared/law";
import { sql } from "@tollbooth/shared/sql";

export const laws: readonly Law[] = [
  {
    invariant: 1,
    says: "every balance is the sum of its journal",
    breaches: sql`
      select a.user_id || ': balance ' || a.balance || ', journal ' || coalesce(sum(t.amount), 0) as breach
      from user_credits a left join credit_transactions t using (user_id)
      group by a.user_id having a.balance <> coalesce(sum(t.amount), 0)`,
  },
  {
    invariant: 1,
    says: "every balance is its live lots + held - debt",
    breaches: sql`
      select a.user_id || ': balance ' || a.balance || ', lots + held - debt ' || coalesce(sum(l.remaining), 0) + a.held - a.debt as breach
      from user_credits a left join credit_lots l on l.user_id = a.user_id and l.active
      group by a.user_id having a.balance <> coalesce(sum(l.remaining), 0) + a.held - a.debt`,
  },
  {
    invariant: 1,
    says: "bonus credits are what is left of live bonus lots",
    breaches: sql`
      select a.user_id || ': bonus ' || a.bonus_credits || ', lots ' || coalesce(sum(l.remaining), 0) as breach
      from user_credits a left join credit_lots l on l.user_id = a.user_id and l.active and l.kind = 'bonus'
      group by a.user_id having a.bonus_credits <> coalesce(sum(l.remaining), 0)`,
  },
  {
    invariant: 1,
    says: "every journal counts from 1 without gaps to its account's last line",
    breaches: sql`
      select a.user_id || ': last line ' || a.last_seq || ', lines ' || count(t.seq) || ', highest ' || coalesce(max(t.seq), 0) as breach
      from user_credits a left join credit_transactions t using (user_id)
      group by a.user_id having a.last_seq <> count(t.seq) or a.last_seq <> coalesce(max(t.seq), 0)`,
  },
  {
    invariant: 1,
    says: "every line is of an account that there is",
    breaches: sql`
      select distinct t.user_id || ' has lines and no account' as breach
      from credit_transactions t where not exists (select from user_credits a where a.user_id = t.user_id)`,
  },
  {
    invariant: 1,
    says: "every balance_after is the sum of the lines up to it",
    breaches: sql`
      select user_id || ': line ' || seq || ' says ' || balance_after || ', the lines add up to ' || total as breach
      from (select user_id, seq, balance_after, sum(amount) over (partition by user_id order by seq) as total from credit_transactions) j
      where balance_after <> total`,
  },
  {
    invariant: 1,
    says: "the draws of every line add up to its amount",
    breaches: sql`
      select user_id || ': line ' || seq || ' of ' || amount || ', draws ' || draws as breach from credit_transactions
      where amount <> (select sum((d->>'amount')::numeric) from json_array_elements(draws) d)`,
  },
  {
    invariant: 3,
    says: "every lot is worth what the journal, and holds on their return, drew from and into it",
    breaches: sql`
      select l.user_id || ': lot ' || l.lot || ' has ' || l.remaining || ' and ' || l.held || ' held, its draws ' || coalesce(sum(d.amount), 0) as breach
      from credit_lots l left join (
        select user_id, d->>'lot' as lot, (d->>'amount')::numeric as amount from credit_transactions, json_array_elements(draws) d
        union all
        select user_id, d->>'lot', (d->>'amount')::numeric from credit_holds, json_array_elements(paid) d
      ) d on d.user_id = l.user_id and d.lot = l.lot::text
      where l.active group by l.user_id, l.lot having l.remaining + l.held <> coalesce(sum(d.amount), 0)`,
  },
  {
    invariant: 3,
    says: "what is held is what active holds hold, of each account and of each lot",
    breaches: sql`
      select a.user_id || ': held ' || a.held || ', holds ' || coalesce(sum(h.amount), 0) as breach
      from user_credits a left join credit_holds h on h.user_id = a.user_id and h.state = 'active'
      group by a.user_id having a.held <> coalesce(sum(h.amount), 0)
      union all
      select l.user_id || ': lot ' || l.lot || ' held ' || l.held || ', holds ' || coalesce(sum(p.amount), 0)
      from credit_lots l left join (
        select user_id, p->>'lot' as lot, (p->>'amount')::numeric as amount from credit_holds, json_array_elements(parts) p where state = 'active'
      ) p on p.user_id = l.user_id and p.lot = l.lot::text
      group by l.user_id, l.lot having l.held <> coalesce(sum(p.amount), 0)
      union all
      select user_id || ': hold ' || hold_id || ' of ' || amount || ' has parts ' || parts from credit_holds
      where state = 'active' and amount <> (select sum((p->>'amount')::numeric) from json_array_elements(parts) p)`,
  },
  {
    invariant: 3,
    says: "the line that settled a hold is a line of that hold",
    breaches: sql`
      select h.user_id || ': hold ' || h.hold_id || ' is settled by line ' || h.captured_line || ', which is not its' as breach
      from credit_holds h left join credit_transactions t on t.user_id = h.user_id and t.seq = h.captured_line
      where h.captured_line is not null and t.hold_id is distinct from h.hold_id`,
  },
  {
    invariant: 4,
    says: "nothing is owed while credits are there",
    breaches: sql`
      select a.user_id || ': owes ' || a.debt || ' and has ' || sum(l.remaining) as breach
      from user_credits a join credit_lots l on l.user_id = a.user_id and l.active
      where a.debt > 0 group by a.user_id, a.debt having sum(l.remaining) > 0`,
  },
  {
    invariant: 5,
    says: "no line of an event without its inbox row",
    breaches: sql`
      select t.user_id || ': line ' || t.seq || ' of ' || t.key as breach
      from credit_transactions t left join inbox i
        on i.user_id = t.user_id and i.consumer = 'credits' and i.outcome = 'applied'
          and i.event_id = case when t.key like 'event:%' then substr(t.key, 7)::uuid end
      where t.key like 'event:%' and i.event_id is null and t.created_at > now() - interval '99 days'`,
  },
  {
    invariant: 5,
    says: "no event has two lines",
    breaches: sql`
      select user_id || ': ' || key || ' has ' || count(*) || ' lines' as breach from credit_transactions
      where key like 'event:%' group by user_id, key having count(*) > 1`,
  },
  {
    invariant: 9,
    says: "the journal's triggers refuse every change, and no role has the right to try",
    breaches: sql`
      select 'trigger ' || n.name || ' is off or gone' as breach
      from (values ('credit_transactions_append_only'), ('credit_transactions_no_truncate')) n (name)
      left join pg_trigger t on t.tgrelid = 'credit_transactions'::regclass and t.tgname = n.name and t.tgenabled in ('O', 'A')
      where t.oid is null
      union all
      select case when r.grantee = 0 then 'everybody' else r.grantee::regrole::text end || ' may ' || lower(r.privilege_type)
      from pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) r
      where c.oid = 'credit_transactions'::regclass and r.privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE')`,
  },
  {
    invariant: 10,
    says: "all refunds of a line together are at most the line",
    breaches: sql`
      select r.user_id || ': line ' || r.refunds || ' of ' || t.amount || ' has refunds of ' || sum(r.amount) as breach
      from credit_transactions r join credit_transactions t on t.user_id = r.user_id and t.seq = r.refunds
      group by r.user_id, r.refunds, t.amount having sum(r.amount) > -t.amount`,
  },
];
