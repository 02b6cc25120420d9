/** One user's books in memory, as a case or an example plays them: seconds for times, names for lots. */
import type { Fault } from "@tollbooth/shared/fault";
import { ZERO, type Money } from "@tollbooth/shared/money";
import type { Account, Line } from "../account.ts";
import type { Command, Grant } from "../command.ts";
import { decide } from "../ledger.ts";
import { periodEnd, type Tier } from "../period.ts";
import { differs, type Differences } from "./cases.ts";
import { fresh, grant, settle, TIERS } from "./commands.ts";

const ORIGIN_MS = Date.UTC(2024, 0, 1);

/** The plain clock: seconds after 1 January 2024. */
export function seconds(atS: number): number {
  return ORIGIN_MS + atS * 1000;
}

export class Book {
  account: Account;
  readonly lines: Line[] = [];
  readonly #clock: (atS: number) => number;
  readonly #names = new Map<string, number>();

  constructor(openS: number, tier: Tier = TIERS.nothing, clock = seconds) {
    const open = clock(openS);
    const times = { anchorAt: open, periodStart: open, createdAt: open, updatedAt: open };
    this.account = { ...fresh(tier), ...times, resetAt: periodEnd(open, 0) };
    this.#clock = clock;
  }

  /** Does a command; answers its refusal. Every line can be refunded by its name, `line-<seq>`. */
  do(atS: number, command: Command): Fault | undefined {
    const { account, lines, refusal } = decide(this.account, command, this.#clock(atS));
    const cited = lines.map((line) => ({ ...line, id: `line-${line.seq}`, refunded: ZERO, givenBack: [] }));
    this.account = { ...account, cited: [...account.cited, ...cited] };
    this.lines.push(...lines);
    return refusal;
  }

  /** Lets time pass until then. */
  settle(atS: number): void {
    this.do(atS, settle);
  }

  /** Grants a lot and names it. One that is over before it begins is no lot. */
  grant(atS: number, name: string, amount: Money, more: Partial<Grant> = {}): void {
    if (this.do(atS, grant(amount.toFixed(), more)) === undefined) this.name(name);
  }

  /** Names the newest lot. */
  name(name: string): void {
    this.#names.set(name, this.account.lastLot);
  }

  nameOf(lot: number | "debt"): string {
    return [...this.#names].find(([, number]) => number === lot)?.[0] ?? String(lot);
  }

  /** What may be spent of a lot now. */
  left(name: string): Money {
    const lot = this.account.lots.find((each) => each.active && each.lot === this.#names.get(name));
    return lot?.remaining ?? ZERO;
  }

  /** How what is left of lots differs from what is expected. */
  differs(balances: Readonly<Record<string, Money>> = {}): Differences {
    return Object.entries(balances).flatMap(([name, expected]) => differs(`lot ${name}`, this.left(name), expected));
  }

  /** The lots that the last line drew from, in its order. */
  drawn(): readonly (readonly [name: string, amount: string])[] {
    return (this.lines.at(-1)?.draws ?? []).map(({ lot, amount }) => [this.nameOf(lot), amount.neg().toFixed()]);
  }
}
