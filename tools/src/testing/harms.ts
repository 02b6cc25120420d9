/** What can be wrong with books, one harm at a time, done to those of books.int.test.ts by one who may do everything. */
import { sql, type Sql } from "@tollbooth/shared/sql";
import type { Finding } from "../books.ts";
import type { Owner } from "../databases.ts";

export interface Harm {
  /** The law that it breaks: its number, how its sentence begins, and whose books it is about. */
  readonly invariant: number;
  readonly law: string;
  readonly of: Finding["of"];
  /** Whose tables are harmed. */
  readonly to: Owner;
  readonly harm: Sql;
  /** What the audit says of it, amounts without zeros at their ends. */
  readonly told: RegExp;
}

type Row = Omit<Harm, "of" | "to">;
const of = (owner: Owner, rows: readonly Row[]): Harm[] => rows.map((row) => ({ ...row, of: owner, to: owner }));
const between = (to: Owner, rows: readonly Row[]): Harm[] => rows.map((row) => ({ ...row, of: "all", to }));

/** In pieces, so that no file holds what looks like a key. */
const KEY = `sk-or-v1-${"x".repeat(16)}`;
/** The fact of the event e1 waits in the outbox, with this charge. */
const waits = (charged: string) => sql`
  insert into outbox (event_id, subject, headers, payload)
  select id, 'usage.tracked', '{}', jsonb_build_object('user_id', user_id, 'occurred_at', occurred_at, 'charged', ${charged}::text)
  from usage_events where event_id = 'e1'`;

// prettier-ignore
const CREDITS = of("credits", [
  { invariant: 1, law: "every balance is the sum of its journal",                 harm: sql`update user_credits set balance = balance + 1 where user_id = 'ann'`,                               told: /^ann: balance 15.25, journal 14.25$/m },
  { invariant: 1, law: "every balance is its live lots + held - debt",            harm: sql`update credit_lots set remaining = remaining - 1 where user_id = 'ann' and lot = 2`,               told: /^ann: balance 14.25, lots \+ held - debt 13.25$/m },
  { invariant: 1, law: "bonus credits are what is left of live bonus lots",       harm: sql`update user_credits set bonus_credits = 0 where user_id = 'ann'`,                                   told: /^ann: bonus 0, lots 2$/m },
  { invariant: 1, law: "every journal counts from 1 without gaps",                harm: sql`delete from credit_transactions where user_id = 'ann' and seq = 3`,                                 told: /^ann: last line 8, lines 7, highest 8$/m },
  { invariant: 1, law: "every journal counts from 1 without gaps",                harm: sql`delete from credit_transactions where user_id = 'ann' and seq = 8`,                                 told: /^ann: last line 8, lines 7, highest 7$/m },
  { invariant: 1, law: "every line is of an account that there is",               harm: sql`delete from user_credits where user_id = 'bob'`,                                                    told: /^bob has lines and no account$/m },
  { invariant: 1, law: "every balance_after is the sum of the lines",             harm: sql`update credit_transactions set balance_after = balance_after + 1 where user_id = 'ann' and seq = 4`, told: /^ann: line 4 says 15, the lines add up to 14$/m },
  { invariant: 1, law: "the draws of every line add up to its amount",            harm: sql`update credit_transactions set draws = '[{"lot": 1, "amount": "-1"}]' where user_id = 'ann' and seq = 3`, told: /^ann: line 3 of -2, draws \[.*\]$/m },
  { invariant: 1, law: "the hash chains of",                                      harm: sql`update credit_transactions set reason = 'forged' where user_id = 'ann' and seq = 2`,                told: /^ann: line 2 was changed, or one before it$/m },
  { invariant: 1, law: "the hash chains of",                                      harm: sql`update user_credits set head_hash = repeat('0', 64) where user_id = 'ann'`,                         told: /^ann: the last line is not the account's head/m },
  { invariant: 1, law: "the journals are what",                                   harm: cutAtItsEnd(),                                                                                          told: /^the journals as of \S+ \(2 users\) are not what they were then$/m },
  { invariant: 3, law: "every lot is worth what the journal",                     harm: sql`update credit_lots set remaining = remaining - 1 where user_id = 'ann' and lot = 2`,               told: /^ann: lot 2 has 9 and 0 held, its draws 10$/m },
  { invariant: 3, law: "what is held is what active holds hold",                  harm: sql`update user_credits set held = held + 1 where user_id = 'ann'`,                                     told: /^ann: held 2, holds 1$/m },
  { invariant: 3, law: "what is held is what active holds hold",                  harm: sql`update credit_lots set held = 0.5 where user_id = 'ann' and lot = 1`,                              told: /^ann: lot 1 held 0.5, holds 1$/m },
  { invariant: 3, law: "what is held is what active holds hold",                  harm: sql`update credit_holds set parts = '[{"lot": 1, "amount": "0.4"}]' where hold_id = 'open'`,            told: /^ann: hold open of 1 has parts \[.*0.4.*\]$/m },
  { invariant: 3, law: "the line that settled a hold is a line of that hold",     harm: sql`update credit_holds set captured_line = 5 where hold_id = 'done'`,                                  told: /^ann: hold done is settled by line 5, which is not its$/m },
  { invariant: 4, law: "nothing is owed while credits are there",                 harm: sql`update user_credits set debt = 1 where user_id = 'ann'`,                                            told: /^ann: owes 1 and has 13.25$/m },
  { invariant: 5, law: "no line of an event without its inbox row",               harm: sql`delete from inbox where user_id = 'bob'`,                                                           told: /^bob: line 2 of event:\S+$/m },
  { invariant: 5, law: "no line of an event without its inbox row",               harm: sql`update inbox set outcome = 'rejected' where user_id = 'bob'`,                                       told: /^bob: line 2 of event:\S+$/m },
  { invariant: 5, law: "no event has two lines",                                  harm: sql`update credit_transactions t set key = f.key from credit_transactions f where t.user_id = 'ann' and t.seq = 6 and f.user_id = 'ann' and f.seq = 5`, told: /^ann: event:\S+ has 2 lines$/m },
  { invariant: 9, law: "the journal's triggers refuse every change",              harm: sql`alter table credit_transactions disable trigger credit_transactions_append_only`,                   told: /^trigger credit_transactions_append_only is off or gone$/m },
  { invariant: 9, law: "the journal's triggers refuse every change",              harm: sql`drop trigger credit_transactions_no_truncate on credit_transactions`,                               told: /^trigger credit_transactions_no_truncate is off or gone$/m },
  { invariant: 9, law: "the journal's triggers refuse every change",              harm: sql`grant delete on credit_transactions to public`,                                                     told: /^everybody may delete$/m },
  { invariant: 10, law: "all refunds of a line together are at most the line",    harm: sql`update credit_transactions set amount = 3 where user_id = 'ann' and seq = 4`,                       told: /^ann: line 3 of -2 has refunds of 3$/m },
]);

/** The last line is gone, and the account's head with it: the chain holds, and only a kept root tells. */
function cutAtItsEnd(): Sql {
  return sql`
    with cut as (delete from credit_transactions where user_id = 'ann' and seq = 8)
    update user_credits set last_seq = 7, head_hash = (select hash from credit_transactions where user_id = 'ann' and seq = 7)
    where user_id = 'ann'`;
}

// prettier-ignore
const OTHERS = [
  ...of("usage", [
    { invariant: 4, law: "the sums of every hour are those of its events",        harm: sql`update usage_hours set charged = charged + 0.000000000001 where user_id = 'bob'`,                   told: /^bob: .* chat m says 1 events of 7, its parts 1 of 7$/m },
    { invariant: 4, law: "the sums of every day are those of its hours",          harm: sql`delete from usage_days where user_id = 'bob'`,                                                      told: /^bob: .* chat m says 0 events of 0, its parts 1 of 7$/m },
    { invariant: 5, law: "no event without its identity",                         harm: sql`delete from usage_event_ids where event_id = 'e1'`,                                                 told: /^ann: event \S+$/m },
    { invariant: 5, law: "no identity without its event",                         harm: sql`delete from usage_events where event_id = 'e1'`,                                                    told: /^ann: user e1$/m },
    { invariant: 5, law: "nothing that is still to be told tells of no event",    harm: waits("2"),                                                                                             told: /^ann: event \S+$/m },
  ]),
  ...of("coupons", [
    { invariant: 6, law: "every coupon counts its redemptions",                   harm: sql`update coupon_codes set used_count = 2 where code = 'BONUS'`,                                       told: /^BONUS: counts 2 of 2, redemptions 1$/m },
    { invariant: 6, law: "no coupon was redeemed outside its time",               harm: sql`update coupon_codes set expires_at = created_at where code = 'BONUS'`,                              told: /^BONUS: by ann at /m },
    { invariant: 6, law: "no coupon was redeemed outside its time",               harm: sql`update coupon_redemptions set redeemed_at = redeemed_at - interval '1 hour' where code = 'BONUS'`,  told: /^BONUS: by ann at /m },
    { invariant: 6, law: "every redemption awards what its coupon is worth",      harm: sql`update coupon_redemptions set credits_awarded = 3 where code = 'BONUS'`,                            told: /^BONUS: awarded 3 to ann$/m },
  ]),
  ...of("openrouter", [
    { invariant: 4, law: "what requests used was told to usage within 45 s",      harm: sql`update routed_requests set state = 'answered', recorded_at = null, answered_at = now() - interval '46 seconds'`, told: /^ann: request chat-1, not told yet$/m },
    { invariant: 4, law: "a request in a process's hands, or refused, goes on",   harm: sql`update routed_requests set state = 'sent', recorded_at = null, report = null, next_at = now() - interval '46 seconds'`, told: /^ann: request chat-1 is sent, nobody has it in his hands$/m },
  ]),
];

// prettier-ignore
const BETWEEN = [
  ...between("usage", [
    { invariant: 2, law: "what usage charged is what credits took",               harm: sql`update usage_days set charged = charged + 1 where user_id = 'bob'`,                                 told: /^bob: usage charged 8, credits took 7$/m },
    { invariant: 4, law: "each of 1 chats with OpenRouter is an event",           harm: sql`delete from usage_event_ids where event_id = 'chat-1'`,                                             told: /^ann: the chat chat-1 is no event$/m },
    { invariant: 7, law: "nothing waits to be confirmed",                         harm: waits("1"),                                                                                             told: /^usage: usage.tracked \S+ of ann is not confirmed$/m },
    { invariant: 13, law: "everything is quiet within",                           harm: waits("1"),                                                                                             told: /^facts still wait: see 7$/m },
  ]),
  ...between("credits", [
    { invariant: 2, law: "what usage charged is what credits took",               harm: sql`update credit_transactions set amount = amount - 1 where user_id = 'bob' and seq = 2`,              told: /^bob: usage charged 7, credits took 8$/m },
    { invariant: 4, law: "each of 5 events was applied",                          harm: sql`delete from inbox where user_id = 'bob'`,                                                           told: /^bob: event \S+ was never applied, yet it has line 2$/m },
    { invariant: 6, law: "each of 2 redemptions was awarded",                      harm: sql`delete from credit_transactions where transaction_type = 'bonus'`,                                  told: /^BONUS: redeemed by ann, awarded 0 of 2$/m },
    { invariant: 6, law: "each of 2 redemptions was awarded",                      harm: sql`delete from discounts`,                                                                             told: /^FIXED: redeemed by ann, awarded 0 of 0$/m },
    { invariant: 7, law: "no dead letter waits for an operator",                  harm: sql`insert into dead_letters (stream, seq, subject, headers, body, reason) values ('USAGE', 1, 'usage.tracked', '{}', '', 'torn')`, told: /^credits: dead letter \d+ on usage.tracked: torn$/m },
  ]),
  ...between("openrouter", [
    { invariant: 7, law: "nothing waits to be confirmed",                         harm: sql`update routed_requests set state = 'answered', recorded_at = null`,                                 told: /^openrouter: the chat chat-1 of ann is not told to usage yet$/m },
  ]),
  ...between("coupons", [
    { invariant: 11, law: "no provider's key stands in plain text in any table",  harm: sql`update coupon_codes set description = ${KEY} where code = 'BONUS'`,                                  told: /^coupons: coupon_codes: a key stands in 1 row$/m },
  ]),
];

/** At least one for each law of the audit. */
export const HARMS: readonly Harm[] = [...CREDITS, ...OTHERS, ...BETWEEN];
