/** Who asks, and what is there to be asked for. */
import { createCoupon } from "@tollbooth/shared/contracts/coupons";
import { allocate, deduct, listTransactions } from "@tollbooth/shared/contracts/credits";
import { createOpenRouterAccount, syncModels } from "@tollbooth/shared/contracts/openrouter";
import { switchTier } from "@tollbooth/shared/contracts/tiers";
import { signToken } from "../../tools/src/jwt.ts";
import { Person } from "../harness/person.ts";
import type { Reach } from "../harness/platform.ts";
import type { Words } from "./values.ts";

export type Who = "nobody" | "user" | "other" | "admin" | "service";

export interface Cast {
  /** The token of each; nobody has none. */
  readonly tokens: Readonly<Record<Who, string | undefined>>;
  /** Values of Authorization that say nothing that is true. */
  readonly forged: readonly string[];
  readonly words: Words;
  /** What was sent and must stand in no log. */
  readonly secrets: readonly string[];
}

const TTL_S = 7_200;
const COUPONS = 12;
const MODELS = [
  "openai/gpt-4o-mini",
  "deepseek/deepseek-chat-v3-0324:free",
  "fake/embedder",
  "openrouter/auto",
  "no/such",
];
const KEYS = ["sk-or-v1-fuzz-0123456789abcdef", "sk-or-v1-fuzz-unlimited-01234567", "sk-or-v1-fuzz-revoked-012345678"];

/** Makes users with money and a past, coupons, prices and keys; the names are the same each time. */
export async function makeCast(reach: Reach): Promise<Cast> {
  const roles = { user: ["user"], other: ["user"], admin: ["admin"], service: ["service"] } as const;
  const sign = async (who: keyof typeof roles) => signToken(reach.signing, `fuzz-${who}`, roles[who], TTL_S);
  const [user, other, admin, service] = await Promise.all([
    sign("user"),
    sign("other"),
    sign("admin"),
    sign("service"),
  ]);
  const tokens = { nobody: undefined, user, other, admin, service };
  const root = Person.with(`Bearer ${admin}`, "fuzz-admin", reach);
  await root.ok(syncModels);
  const lines: string[] = [];
  for (const user_id of ["fuzz-user", "fuzz-other"]) {
    await root.ok(allocate, { user_id, amount: "100000", source: "fuzz" });
    await root.ok(deduct, { user_id, amount: "5000", service: "fuzz" });
    lines.push(...(await root.ok(listTransactions, { user_id })).map(({ id }) => id));
  }
  await root.ok(createOpenRouterAccount, { user_id: "fuzz-other", api_key: KEYS[0] });
  await root.ok(switchTier, { user_id: "fuzz-other", new_tier: "starter" });
  const codes = Array.from({ length: COUPONS }, (_, i) => `FUZZ-${i}`);
  for (const code of codes) await root.ok(createCoupon, { coupon_type: "credit_bonus", value: "1", code });
  return {
    tokens,
    forged: await forgeries(reach, user),
    secrets: [user, other, admin, service, reach.signing.secret, ...KEYS],
    words: {
      user_id: ["fuzz-user", "fuzz-other", "fuzz-admin", "fuzz-nobody", "__proto__"],
      id: lines,
      transaction_id: lines,
      code: codes,
      api_key: KEYS,
      model: MODELS,
      models: MODELS,
      service: ["openrouter", "chat", "__proto__", "constructor"],
      new_tier: ["starter", "professional", "trial", "enterprise", "__proto__", "constructor", "toString"],
      email: ["alice@example.com"],
      event_id: ["e1", "e2", "e3", "__proto__"],
      hold_id: ["h1"],
      source: ["fuzz", "invoice 1"],
      amount: ["0.000000000001", "1", "2.50"],
      cost: ["0.01", "0"],
      quantity: ["1", "0.5"],
    },
  };
}

function base64(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** Tokens that nobody signed, or for somebody else, or of a time that is over. */
async function forgeries({ signing }: Reach, good: string): Promise<string[]> {
  const nowS = Math.floor(Date.now() / 1000);
  const claims = { sub: "fuzz-admin", roles: ["admin"], iss: signing.issuer, aud: signing.audience, exp: nowS + TTL_S };
  const of = async (more: Partial<typeof signing>, ttlS = TTL_S) =>
    signToken({ ...signing, ...more }, "fuzz-admin", ["admin"], ttlS);
  const [head = "", payload = "", signature = ""] = good.split(".");
  const tokens = [
    `${base64({ alg: "none" })}.${base64(claims)}.`,
    `${base64({ alg: "HS256", kid: "../../dev/null" })}.${base64(claims)}.${signature}`,
    `${base64({ alg: "RS256" })}.${base64(claims)}.${signature}`,
    `${head}.${base64(claims)}.${signature}`,
    `${head}.${payload}.`,
    `${head}.${payload}`,
    `${head}.${payload}.${signature}x`,
    await of({ secret: "another-secret-of-at-least-32-characters" }),
    await of({ issuer: "elsewhere" }),
    await of({ audience: "elsewhere" }),
    await of({}, -3_600),
    "x".repeat(8_000),
    "null",
    "\u00e9",
  ];
  return [
    ...tokens.map((token) => `Bearer ${token}`),
    "",
    "Bearer",
    "Basic YTpi",
    `bearer\t${good}`,
    `Bearer ${good} ${good}`,
    good,
  ];
}
