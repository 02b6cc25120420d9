import { decimal } from "@tollbooth/shared/money";
import { expect, test } from "vitest";
import { differences, statementOf, type Answers, type Sent } from "./statement.ts";
import { statementsTable } from "./tables.ts";

const AT = Date.parse("2026-03-01T12:00:00Z");
const SYSTEM = { sub: "tollbooth", role: "system" };
const ADMIN = { sub: "admin", role: "admin" };
const PROXY = { sub: "llm-proxy", role: "service" };

type Line = Answers["journal"][number];

function line(amount: string, after: string, more: Partial<Line>): Line {
  return {
    id: "0196f0a0-0000-7000-8000-000000000000",
    user_id: "ada",
    amount: decimal(amount),
    balance_after: decimal(after),
    transaction_type: "allocation",
    service: null,
    model: null,
    cost_breakdown: null,
    actor: SYSTEM,
    reason: null,
    metadata: {},
    created_at: AT,
    ...more,
  };
}

function charge(amount: string, after: string, service: string, model: string | null, markup: string): Line {
  const total = decimal(amount).negated();
  const cost_breakdown = { provider_cost: total.minus(markup), markup: decimal(markup), total };
  return line(amount, after, { transaction_type: "usage", service, model, cost_breakdown, actor: PROXY });
}

function byModel(service: string, model: string | null, events: number, tokens: number, cost: string, free = 0) {
  return {
    service,
    model,
    event_count: events,
    total_tokens: tokens,
    total_cost: decimal(cost),
    avg_tokens: 0,
    free_events: free,
  };
}

/** Ada: 5 by her tier, 2 bought, 1 given; one chat, one search, one free chat. */
const ada: Answers = {
  balance: {
    user_id: "ada",
    balance: decimal("7.34"),
    available: decimal("7.34"),
    held: decimal("0"),
    allocated_monthly: decimal("5"),
    bonus_credits: decimal("1"),
    free_tier_used: decimal("0.02"),
    tier: "trial",
    reset_date: AT,
    last_updated: AT,
    created_at: AT,
  },
  journal: [
    charge("-0.55", "7.34", "openrouter", "gpt", "0.05"),
    charge("-0.11", "7.89", "center-deep", null, "0.01"),
    line("1", "8", { transaction_type: "bonus", actor: PROXY }),
    line("2", "7", { actor: ADMIN }),
    line("5", "5", {}),
  ],
  summary: {
    total_events: 3,
    total_tokens: 300,
    total_cost: decimal("0.66"),
    free_tier_events: 1,
    paid_tier_events: 2,
    services: {
      openrouter: { event_count: 2, tokens: 300, cost: decimal("0.55") },
      "center-deep": { event_count: 1, tokens: 0, cost: decimal("0.11") },
    },
    period: { start: AT, end: AT },
  },
  byModel: [
    byModel("openrouter", "gpt", 1, 200, "0.55"),
    byModel("center-deep", null, 1, 0, "0.11"),
    byModel("openrouter", "llama:free", 1, 100, "0", 1),
  ],
};

const sent: Sent = {
  expected: {
    events: 3,
    freeEvents: 1,
    ownKeyEvents: 0,
    inputTokens: 250,
    outputTokens: 50,
    services: { openrouter: { events: 2, tokens: 300 }, "center-deep": { events: 1, tokens: 0 } },
  },
  granted: decimal("3"),
};

interface Patch {
  readonly balance?: Partial<Answers["balance"]>;
  readonly summary?: Partial<Answers["summary"]>;
  readonly journal?: Answers["journal"];
  readonly byModel?: Answers["byModel"];
}

/** The same answers with other figures in some places. */
function but({ balance, summary, ...more }: Patch): Answers {
  return { ...ada, ...more, balance: { ...ada.balance, ...balance }, summary: { ...ada.summary, ...summary } };
}

test("a statement adds up: what was granted less what was used is what is left", () => {
  const statement = statementOf(ada);
  const { granted, byTier, bought, given, charged, markup, balance, debt, freeValue } = statement;
  const texts = { granted, byTier, bought, given, charged, markup, balance, debt, freeValue };
  expect(Object.fromEntries(Object.entries(texts).map(([name, amount]) => [name, amount.toFixed()]))).toEqual({
    granted: "8",
    byTier: "5",
    bought: "2",
    given: "1",
    charged: "0.66",
    markup: "0.06",
    balance: "7.34",
    debt: "0",
    freeValue: "0.02",
  });
  expect(statement.lines.map(({ service, model, charged: paid }) => [service, model, paid.toFixed()])).toEqual([
    ["openrouter", "gpt", "0.55"],
    ["center-deep", null, "0.11"],
    ["openrouter", "llama:free", "0"],
  ]);
});

test("what one's own key paid is stated and not charged", () => {
  const own = statementOf(but({ byModel: [...ada.byModel, byModel("openrouter", "opus", 2, 10, "4.5")] }));
  expect(own.ownKey.toFixed()).toBe("4.5");
  expect(own.charged.toFixed()).toBe("0.66");
});

test("below zero is a debt", () => {
  expect(statementOf(but({ balance: { balance: decimal("-0.5") } })).debt.toFixed()).toBe("0.5");
});

test("answers that are what was sent differ in nothing", () => {
  expect(differences(ada, sent)).toEqual([]);
});

// prettier-ignore
const wrong: readonly { what: string; answers: Answers; says: string }[] = [
  { what: "a lost event",          answers: but({ summary: { total_events: 2 } }),                says: "ada: events: 2, and should be 3" },
  { what: "a doubled free event",  answers: but({ summary: { free_tier_events: 2 } }),            says: "ada: free events: 2, and should be 1" },
  { what: "lost tokens",           answers: but({ summary: { total_tokens: 299 } }),              says: "ada: tokens: 299, and should be 300" },
  { what: "a lost service",        answers: but({ summary: { services: {} } }),                   says: "ada: events of openrouter: 0, and should be 2" },
  { what: "a model told twice",    answers: but({ byModel: [...ada.byModel, ...ada.byModel] }),   says: "ada: events by model: 6, and should be 3" },
  { what: "a doubled deduction",   answers: but({ journal: [...ada.journal, ...ada.journal.slice(0, 1)] }), says: "ada: credits left: 7.34, and should be 6.79" },
  { what: "a lost purchase",       answers: but({ journal: ada.journal.filter(({ actor }) => actor !== ADMIN) }), says: "ada: credits bought and given: 1, and should be 3" },
  { what: "a second first grant",  answers: but({ journal: [...ada.journal, line("5", "5", {})] }), says: "ada: credits granted by the tier: 10, and should be 5" },
  { what: "a last digit",          answers: but({ balance: { balance: decimal("7.340000000001") } }), says: "ada: credits left: 7.340000000001, and should be 7.34" },
  { what: "another cost",          answers: but({ summary: { total_cost: decimal("0.67") } }),    says: "ada: cost: 0.67, and should be 0.66" },
];

test.each(wrong)("$what is found", ({ answers, says }) => {
  expect(differences(answers, sent)).toContain(says);
});

test("statements are aligned and end with those of all users together", () => {
  const bob = statementOf(but({ balance: { user_id: "bob", balance: decimal("-1") } }));
  const lines = statementsTable([statementOf(ada), bob]).split("\n");
  const [head = ""] = lines;
  const amounts = lines.filter((text) => /\.\d{12}$/.test(text));
  expect(new Set(amounts.map((text) => text.length))).toEqual(new Set([head.length]));
  const shown = lines.map((text) => text.replaceAll(/ +/g, " ").trim());
  expect(shown).toContain("ada granted: 5 by tier, 2 bought, 1 given 8.000000000000");
  expect(shown).toContain("openrouter gpt 1 200 0.050000000000 -0.550000000000");
  expect(shown).toContain("free models, worth 0.02 1 100 0 0");
  expect(shown).toContain("= balance 0.060000000000 7.340000000000");
  expect(shown).toContain("= balance: a debt 0.060000000000 -1.000000000000");
  expect(shown).toContain("all 2 granted: 10 by tier, 4 bought, 2 given 16.000000000000");
  expect(shown).toContain("openrouter gpt 2 400 0.100000000000 -1.100000000000");
  expect(shown).toContain("= balances, among them debts of 1 0.120000000000 6.340000000000");
});
