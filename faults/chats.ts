/** Chats through the proxy, and what OpenRouter billed for them held against what usage and credits have of them. */
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { getBalance } from "@tollbooth/shared/contracts/credits";
import { until } from "@tollbooth/shared/local/condition";
import { decimal, print, round12, type Money } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import type { FakeOpenRouter } from "../services/openrouter/src/fake.ts";
import type { World } from "./world.ts";

type Generation = ReturnType<FakeOpenRouter["billed"]>[number];

/** How a chat ended for its client. */
export type Ended = "whole" | "gone" | "cut" | number;

/** Asks for a chat; hangs up where `gone` is aborted. Answers how it ended: a number is the status of a refusal. */
export async function chat({ platform }: World, token: string, body: object, gone?: AbortSignal): Promise<Ended> {
  try {
    const answer = await fetch(`${platform.gatewayUrl}/api/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: gone ?? null,
    });
    const text = await answer.text();
    if (!answer.ok) return answer.status;
    return text.includes("data: [DONE]") || text.startsWith("{") ? "whole" : "cut";
  } catch {
    return gone?.aborted === true ? "gone" : "cut";
  }
}

const CHAT_PAUSE_MS = 200;

/** Chats one after the other, until it is ended; its end tells how they ended. */
export function chatting(world: World, token: string, body: object): { end(): Promise<readonly Ended[]> } {
  const over = new AbortController();
  const asking = (async () => {
    const ends: Ended[] = [];
    while (!over.signal.aborted) {
      ends.push(await chat(world, token, body));
      await pause(CHAT_PAUSE_MS);
    }
    return ends;
  })();
  return {
    end: () => {
      over.abort();
      return asking;
    },
  };
}

/** What OpenRouter billed, beside the events of it: all is well where the lists are empty. */
export interface Settlement {
  readonly billed: number;
  /** Billed, and no event. */
  readonly missing: readonly string[];
  /** More than one event of one bill. */
  readonly doubled: readonly string[];
  /** An event of what was not billed, or of another amount. */
  readonly wrong: readonly string[];
}

const EventRow = z.object({
  user_id: z.string(),
  generation: z.string().nullable(),
  provider_cost: z.string(),
  charged: z.string(),
});

/** What a user is charged for what OpenRouter billed. */
export type Charge = (cost: Money, user: string) => Money;

/** The charge with so much markup. */
export function withMarkup(rate: Money): Charge {
  return (cost) => round12(cost.times(rate.plus(1)));
}

/** Holds what OpenRouter billed against the events of these users. */
export async function settlement(
  { books }: World,
  billed: readonly Generation[],
  users: readonly string[],
  chargeOf: Charge,
): Promise<Settlement> {
  const rows = await books.usage.many(
    EventRow,
    // A request that came to nothing is an event of nothing.
    sql`select user_id, metadata->>'generation_id' as generation, provider_cost, charged from usage_events
        where user_id = any(${users}) and not (metadata->>'status' in ('refused', 'lost') and provider_cost = 0 and charged = 0)`,
  );
  const owed = new Map(billed.map(({ id, cost }) => [id, cost]));
  const seen = new Set<string>();
  const [doubled, wrong]: [string[], string[]] = [[], []];
  for (const { user_id: user, generation: id, provider_cost, charged } of rows) {
    const cost = owed.get(id ?? "");
    const wanted = cost && [print(round12(cost)), print(chargeOf(cost, user))];
    if (id === null || wanted === undefined) wrong.push(`nothing was billed for ${id}, and ${charged} is charged`);
    else if (seen.has(id)) doubled.push(id);
    else if (print(decimal(provider_cost)) !== wanted[0] || print(decimal(charged)) !== wanted[1])
      wrong.push(`${id} cost ${wanted.join(", ")}, and the event says ${provider_cost}, ${charged}`);
    seen.add(id ?? "");
  }
  return { billed: billed.length, missing: [...owed.keys()].filter((id) => !seen.has(id)), doubled, wrong };
}

/** Settles when no request of these users is under way any more. Throws where it does not in time. */
export async function settled({ books }: World, users: readonly string[], withinMs: number): Promise<void> {
  const open = () =>
    books.openrouter.run(
      sql`select from routed_requests where user_id = any(${users}) and state not in ('recorded', 'lost')`,
    );
  if (await until(async () => (await open().catch(() => 1)) === 0, withinMs)) return;
  throw new Error(`after ${withinMs / 1000} s ${await open()} requests were still under way`);
}

/**
 * How many of their requests came to nothing because nobody has heard OpenRouter's name of them: what it billed for these
 * can never be asked for. The platform pays, and no user.
 */
export function unnamed({ books }: World, users: readonly string[]): Promise<number> {
  return books.openrouter.run(
    sql`select from routed_requests where user_id = any(${users}) and state = 'lost' and generation_id is null`,
  );
}

/** What a user has: it may be asked while things break. */
export async function accountOf({ bus }: World, user_id: string): Promise<{ available: Money; held: Money }> {
  const balance = await bus.ask(getBalance, { user_id }, { caller: { sub: "faults", roles: ["admin"] } });
  if (!("held" in balance)) throw new Error("that is a balance of the past");
  return balance;
}

const LOOK_EVERY_MS = 20;

/** Looks again and again at what a user may spend, as far as credits answer; its end tells the least that was seen. */
export function watchLeast(world: World, user: string): { end(): Promise<Money> } {
  const over = new AbortController();
  const watching = (async () => {
    let least: Money | undefined;
    while (!over.signal.aborted) {
      const available = await accountOf(world, user).then(
        (account) => account.available,
        () => undefined,
      );
      if (available !== undefined && least?.lt(available) !== true) least = available;
      await pause(LOOK_EVERY_MS);
    }
    if (least === undefined) throw new Error("credits never answered");
    return least;
  })();
  return {
    end: () => {
      over.abort();
      return watching;
    },
  };
}
