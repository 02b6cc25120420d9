/** Who will have used what and when, told to the platform by whom: decided before anything is sent. Pure. */
import { pick, type Dice } from "./dice.ts";
import type { Person } from "./people.ts";
import type { Request } from "./traffic.ts";
import { LLM_PROXY, type Told, type Way } from "./uses.ts";

export interface PlannedEvent {
  readonly userId: string;
  readonly eventId: string;
  readonly atMs: number;
  readonly told: Told;
  readonly way: Way;
  /** Sent twice on purpose, as a reporter does that is not sure. */
  readonly isTwice: boolean;
}

export interface PlanOptions {
  readonly dice: Dice;
  readonly people: readonly (Person & { readonly userId: string })[];
  /** Begins all ids of this run. */
  readonly run: string;
  /** A recorded trace is replayed as it is: each line is one chat, and all are reported over NATS. */
  readonly isTrace: boolean;
  /** The platform's proxy asks an OpenRouter that costs nothing; otherwise a service reports what was used. */
  readonly hasProxy: boolean;
}

const TWICE_SHARE = 0.03;

/** One event for each request. */
export function plan(
  requests: readonly Request[],
  { dice, people, run, isTrace, hasProxy }: PlanOptions,
): PlannedEvent[] {
  const weighted = people.map((person) => [person, person.weight] as const);
  return requests.map((request, i) => {
    const person = pick(dice, weighted);
    const use = pick(dice, isTrace ? person.uses.filter(([{ isChat }]) => isChat) : person.uses);
    return {
      userId: person.userId,
      eventId: `${run}-${i + 1}`,
      atMs: request.atMs,
      told: use.tell(request, dice),
      way: isTrace || (use.way.by === "proxy" && !hasProxy) ? LLM_PROXY : use.way,
      isTwice: dice() < TWICE_SHARE,
    };
  });
}

/** What the platform has to say of a user when all of this was recorded once. */
export interface Expected {
  readonly events: number;
  readonly freeEvents: number;
  /** Events that the user's own key paid for. */
  readonly ownKeyEvents: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly services: Readonly<Record<string, { readonly events: number; readonly tokens: number }>>;
}

const NOTHING: Expected = {
  events: 0,
  freeEvents: 0,
  ownKeyEvents: 0,
  inputTokens: 0,
  outputTokens: 0,
  services: {},
};

/** Our own record of what is sent, for every user: independent of what the platform makes of it. */
export function expectedOf(planned: readonly PlannedEvent[], userIds: Iterable<string>): Map<string, Expected> {
  const users = new Map([...userIds].map((userId) => [userId, NOTHING]));
  for (const { userId, told } of planned) users.set(userId, add(users.get(userId) ?? NOTHING, told));
  return users;
}

/** What is expected of all users together. */
export function sumOf(users: Iterable<Expected>): Omit<Expected, "services"> {
  let all = NOTHING;
  for (const each of users)
    all = {
      events: all.events + each.events,
      freeEvents: all.freeEvents + each.freeEvents,
      ownKeyEvents: all.ownKeyEvents + each.ownKeyEvents,
      inputTokens: all.inputTokens + each.inputTokens,
      outputTokens: all.outputTokens + each.outputTokens,
      services: {},
    };
  return all;
}

function add(
  sums: Expected,
  { service, model, byok, input_tokens: input = 0, output_tokens: output = 0 }: Told,
): Expected {
  const before = sums.services[service] ?? { events: 0, tokens: 0 };
  return {
    events: sums.events + 1,
    freeEvents: sums.freeEvents + (model?.endsWith(":free") ? 1 : 0),
    ownKeyEvents: sums.ownKeyEvents + (byok ? 1 : 0),
    inputTokens: sums.inputTokens + input,
    outputTokens: sums.outputTokens + output,
    services: { ...sums.services, [service]: { events: before.events + 1, tokens: before.tokens + input + output } },
  };
}
