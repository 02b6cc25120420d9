/** The clients of the model test: they ask over REST and over NATS, again and again until they are told, in the model's words. */
import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { createAccount, getBalance } from "@tollbooth/shared/contracts/credits";
import { captureHold, createHold, releaseHold } from "@tollbooth/shared/contracts/holds";
import { usageEventOutcomes } from "@tollbooth/shared/contracts/usage";
import { Fault } from "@tollbooth/shared/fault";
import { until } from "@tollbooth/shared/local/condition";
import { print, type Money } from "@tollbooth/shared/money";
import { streams } from "@tollbooth/shared/streams";
import { tell } from "../services/credits/src/testing/accountant.ts";
import { UNKNOWN } from "./answers.ts";
import type { Ask, Deed, Told, Use } from "./model.ts";
import { PATIENCE_MS, Rest, type Answer, type Call } from "./rest.ts";
import { QUIET_WITHIN_MS } from "./traffic.ts";
import type { World } from "./world.ts";

/** An answer that does not come within this died with who had the request in his hands. */
export const ANSWER_WITHIN_MS = 1_000;
/** What a broker that lost its store has forgotten is sent again after this. */
const SEND_AGAIN_AFTER_MS = 2_000;
const HOLD_TTL_S = 600;

type Report = { readonly user: string } & Use;
type Post = Exclude<Deed, { op: "look" | "report" | "hold" | "capture" | "release" }>;

export class Clients {
  readonly rest: Rest;
  /** How often somebody had to ask again. */
  insisted = 0;
  readonly #world: World;
  readonly #tokens: ReadonlyMap<string, string>;
  readonly #reports = new Map<string, Report>();

  /** Clients with a role each; those of the role `user` are met by credits. */
  static async open(world: World, roles: ReadonlyMap<string, "user" | "service" | "admin">): Promise<Clients> {
    const tokens = new Map<string, string>();
    for (const [sub, role] of roles) tokens.set(sub, await world.platform.tokenFor(sub, [role]));
    const clients = new Clients(world, tokens);
    for (const [user_id, role] of roles)
      if (role === "user") await insist(() => told(world.bus.ask(createAccount, { user_id }, admin()), () => "ok"));
    return clients;
  }

  private constructor(world: World, tokens: ReadonlyMap<string, string>) {
    this.#world = world;
    this.#tokens = tokens;
    this.rest = new Rest(world.platform.gatewayUrls);
  }

  /** Asks until it is told. */
  async ask(ask: Ask): Promise<Told> {
    const { answer, tries } = await insist(this.#way(ask));
    if (tries > 1) this.insisted++;
    return { ask, answer, isInsistent: tries > 1 };
  }

  /** Posts as this client until it is told; answers in the model's words. */
  post(client: string, key: string, path: string, body: object): Promise<{ answer: string }> {
    return insist(() => this.#post({ path, body, key, token: this.#tokens.get(client) ?? "" }));
  }

  /** Settles when usage has every report; what it does not know after a while is sent again. Throws where that is in vain. */
  async confirmReports(): Promise<void> {
    let unknown: readonly Report[] = [...this.#reports.values()];
    const isKnown = async () => {
      // While usage is away it is not known of any.
      unknown = await this.#unknown().catch(() => unknown);
      return unknown.length === 0;
    };
    if (await until(isKnown, SEND_AGAIN_AFTER_MS)) return;
    for (const report of unknown) await insist(() => this.#send(report));
    if (await until(isKnown, QUIET_WITHIN_MS)) return;
    throw new Error("usage does not know what was reported");
  }

  #way(ask: Ask): () => Promise<string | undefined> {
    const { user: user_id, deed } = ask;
    const { bus } = this.#world;
    switch (deed.op) {
      case "look":
        return () => told(bus.ask(getBalance, { user_id }, admin()), balanceInWords);
      case "hold": {
        const input = { user_id, hold_id: deed.hold, amount: tell(deed.amount), ttl_s: HOLD_TTL_S };
        return () => told(bus.ask(createHold, input, admin()), holdInWords);
      }
      case "capture": {
        const input = { user_id, hold_id: deed.hold, amount: tell(deed.amount), service: "chat" };
        return () => told(bus.ask(captureHold, input, admin()), holdInWords);
      }
      case "release":
        return () => told(bus.ask(releaseHold, { user_id, hold_id: deed.hold }, admin()), holdInWords);
      case "report":
        this.#reports.set(`${user_id} ${deed.source} ${deed.event}`, { ...deed, user: user_id });
        return () => this.#send({ ...deed, user: user_id });
      case "allocate":
      case "deduct":
      case "refund":
      case "switch":
      case "redeem":
      case "track": {
        const call = { ...callOf(ask, deed), key: ask.key ?? ask.name, token: this.#tokens.get(ask.client) ?? "" };
        return () => this.#post(call);
      }
      default:
        return deed satisfies never;
    }
  }

  async #post(call: Call): Promise<string | undefined> {
    const answer = await this.rest.ask(call, PATIENCE_MS);
    return answer && restInWords(answer);
  }

  async #send({ source, event, user, ...use }: Report): Promise<string | undefined> {
    const { name, subjects } = streams.usageReports;
    const body = JSON.stringify({ ...useOf(use), user_id: user, event_id: event });
    return this.#world.streams.publish(name, subjects[0].replace("*", source), randomUUID(), {}, body).then(
      () => "sent",
      () => undefined,
    );
  }

  async #unknown(): Promise<Report[]> {
    const all = [...this.#reports.values()];
    const unknown: Report[] = [];
    for (const source of new Set(all.map((report) => report.source))) {
      const reports = all.filter((report) => report.source === source);
      const events = reports.map(({ user, event }) => ({ user_id: user, event_id: event }));
      const outcomes = await this.#world.bus.ask(usageEventOutcomes, { source, events }, { deadlineMs: soon() });
      unknown.push(...reports.filter((_, i) => outcomes[i]?.outcome !== "applied"));
    }
    return unknown;
  }
}

/** Asks until there is an answer; answers how often it took. Throws where there is none in the end. */
async function insist(ask: () => Promise<string | undefined>): Promise<{ answer: string; tries: number }> {
  const answers: (string | undefined)[] = [];
  const isTold = async () => {
    answers.push(await ask());
    return answers.at(-1) !== undefined;
  };
  if (await until(isTold, QUIET_WITHIN_MS)) return { answer: answers.at(-1) ?? "", tries: answers.length };
  throw new Error(`nobody was told within ${QUIET_WITHIN_MS / 1000} s what became of a request`);
}

const soon = () => Date.now() + ANSWER_WITHIN_MS;
const admin = () => ({ caller: { sub: "model", roles: ["admin"] }, deadlineMs: soon() }) as const;

function callOf({ user: user_id, line }: Ask, deed: Post): Pick<Call, "path" | "body"> {
  switch (deed.op) {
    case "allocate":
      return { path: "/allocate", body: { user_id, amount: tell(deed.amount), source: "model" } };
    case "deduct":
      return { path: "/deduct", body: { user_id, amount: tell(deed.amount), service: "model" } };
    case "refund": {
      const of = line === undefined ? {} : { transaction_id: line };
      return { path: "/refund", body: { user_id, amount: tell(deed.amount), reason: "model", ...of } };
    }
    case "switch":
      return { path: "/tiers/switch", body: { new_tier: deed.tier } };
    case "redeem":
      return { path: "/coupons/redeem", body: { code: deed.code } };
    case "track": {
      const whose = deed.source === "user" ? {} : { user_id };
      return { path: "/usage/track", body: { ...useOf(deed), event_id: deed.event, ...whose } };
    }
    default:
      return deed satisfies never;
  }
}

function useOf({ amount, hold }: Pick<Use, "amount" | "hold">): object {
  return { service: "chat", cost: tell(amount), ...(hold !== null && { hold_id: hold }) };
}

// ---- in the model's words ----------------------------------------------------------------------------------------------

/** What became of a question over the bus; undefined where nobody knows. */
function told<T>(asked: Promise<T>, inWords: (answer: T) => string): Promise<string | undefined> {
  return asked.then(inWords, (thrown: unknown) => {
    const { code, more } = Fault.from(thrown);
    return UNKNOWN.has(code) ? undefined : refusalInWords(code, more.facts ?? {});
  });
}

function balanceInWords(balance: z.output<typeof getBalance.output>): string {
  if (!("held" in balance)) throw new Error("that is a balance of the past");
  return `ok ${[balance.balance, balance.available, balance.held].map(print).join(" ")} ${balance.tier}`;
}

function holdInWords({ available }: { readonly available: Money }): string {
  return `ok ${print(available)}`;
}

function restInWords({ status, text, isReplay }: Answer): string {
  const body = JSON.parse(text) as Readonly<Record<string, string>>;
  if (status !== 200) return refusalInWords(body["code"] ?? text, body);
  const { balance, available, held, tier, charged, credits_awarded: awarded } = body;
  const words = balance === undefined ? [charged ?? awarded] : [balance, available, held, tier];
  return `${isReplay ? "again " : ""}ok ${words.join(" ")}`;
}

function refusalInWords(code: string, { required, available }: Readonly<Record<string, string | number>>): string {
  return required === undefined ? code : `${code} ${required} ${available}`;
}
