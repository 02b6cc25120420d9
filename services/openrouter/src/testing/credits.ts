/** What the credits service would say of holds, where a test wants to see them one by one; the real one is in the end-to-end tests. */
import type { Bus } from "@tollbooth/shared/bus";
import { checkBalance } from "@tollbooth/shared/contracts/credits";
import { createHold, releaseHold } from "@tollbooth/shared/contracts/holds";
import { Fault } from "@tollbooth/shared/fault";
import { handle } from "@tollbooth/shared/handler";
import { decimal, print, ZERO, type Money } from "@tollbooth/shared/money";
import type { PretendedUsage } from "./usage.ts";

interface Hold {
  readonly userId: string;
  readonly amount: Money;
  state: "active" | "captured" | "released";
}

export interface PretendedCredits {
  /** Gives a user so much. */
  give(userId: string, amount: string): void;
  /** What he may spend, and what stands in his holds. */
  of(userId: string): { readonly available: string; readonly holds: readonly string[] };
  /** What everything is refused with. */
  refusal: Fault | undefined;
}

/** Answers in the place of credits; the events of usage capture its holds. */
export async function pretendCredits(bus: Bus, usage: PretendedUsage): Promise<PretendedCredits> {
  const books = new Books();
  usage.onEvent = ({ user_id: userId = "", hold_id: holdId }, charged) =>
    books.charge(userId, holdId, decimal(charged));
  const credits: PretendedCredits = {
    give: (userId, amount) => books.add(userId, decimal(amount)),
    of: (userId) => ({ available: print(books.available(userId)), holds: books.holdsOf(userId) }),
    refusal: undefined,
  };
  const answer = (holdId: string, make: () => Hold) => {
    if (credits.refusal !== undefined) throw credits.refusal;
    const { userId, amount, state } = make();
    const available = print(books.available(userId));
    return { hold_id: holdId, state, amount: print(amount), expires_at: "2026-01-01T00:00:00.000Z", available };
  };
  await bus.serve("credits", [
    handle(createHold, async ({ user_id, hold_id, amount }) =>
      answer(hold_id, () => books.hold(user_id, hold_id, amount)),
    ),
    handle(releaseHold, async ({ user_id, hold_id }) => answer(hold_id, () => books.release(user_id, hold_id))),
    handle(checkBalance, async ({ user_id, amount }) => {
      const available = books.available(user_id);
      return { sufficient: available.gte(amount), required: print(amount), available: print(available) };
    }),
  ]);
  return credits;
}

class Books {
  readonly #available = new Map<string, Money>();
  readonly #holds = new Map<string, Hold>();

  available(userId: string): Money {
    return this.#available.get(userId) ?? ZERO;
  }

  holdsOf(userId: string): string[] {
    return [...this.#holds.values()].filter((hold) => hold.userId === userId).map(({ state }) => state);
  }

  add(userId: string, amount: Money): void {
    this.#available.set(userId, this.available(userId).plus(amount));
  }

  hold(userId: string, holdId: string, amount: Money): Hold {
    const left = this.available(userId);
    const facts = { required: print(amount), available: print(left) };
    if (left.lt(amount)) throw new Fault("insufficient_credits", "there is not enough", { facts });
    this.add(userId, amount.negated());
    const hold: Hold = { userId, amount, state: "active" };
    this.#holds.set(holdId, hold);
    return hold;
  }

  release(userId: string, holdId: string): Hold {
    const hold: Hold = this.#holds.get(holdId) ?? { userId, amount: ZERO, state: "released" };
    if (hold.state === "captured") throw new Fault("hold_ended", "it was captured");
    if (hold.state === "active") this.add(userId, hold.amount);
    hold.state = "released";
    return hold;
  }

  charge(userId: string, holdId: string | undefined, charged: Money): void {
    const hold = holdId === undefined ? undefined : this.#holds.get(holdId);
    if (hold?.state === "active") {
      hold.state = "captured";
      this.add(userId, hold.amount);
    }
    this.add(userId, charged.negated());
  }
}
