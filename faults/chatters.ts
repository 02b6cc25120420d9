/** Users who chat through the proxy while things break, some on credits and one on a key of his own, and what they were billed. */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { allocate } from "@tollbooth/shared/contracts/credits";
import { until } from "@tollbooth/shared/local/condition";
import { decimal, ZERO } from "@tollbooth/shared/money";
import { chat, settled, settlement, unnamed, withMarkup, type Ended } from "./chats.ts";
import type { Random } from "./random.ts";
import { PATIENCE_MS, Rest } from "./rest.ts";
import type { World } from "./world.ts";

const ON_CREDITS = 3;
const CREDITS = "1000";
const MODEL = "openai/gpt-4.1";
const MARKUP = withMarkup(decimal("0.10"));
const TOKENS = 20;
const STREAMED = 0.8;
const MANNERS = ["", "", "slow"];
/** Some hang up, sooner or later. */
const LEAVES = 0.15;
const LEAVES_WITHIN_MS = 1_500;
const CHAT_MAX_MS = 15_000;
const THINK_MAX_MS = 150;
const FLOWS_WITHIN_MS = 45_000;
/**
 * A process that died has its requests in its hands for 30 s more, and a bill that was not to be had is asked for again
 * after 5 s, 10 s, 20 s, ...
 */
const SETTLED_WITHIN_MS = 180_000;
const KEY_REFUSED = 401;
const ADMIN = { caller: { sub: "faults", roles: ["admin"] } } as const;

/** What became of their chats. Nothing in its lists is how it must be. */
export interface Bills {
  readonly billed: number;
  /** Billed, and by a name that nobody heard: the platform pays. */
  readonly unnamed: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly wrong: readonly string[];
}

export class Chatters {
  readonly #world: World;
  readonly #users: readonly string[];
  /** Has a key of his own. */
  readonly #owner: string;
  readonly #ownerToken: string;
  readonly #billedBefore: number;
  readonly #working: Promise<void>[];
  /** The owner's last key. */
  #key = "";
  #isConnected = false;
  #isEnding = false;
  readonly ends = new Map<Ended, number>();

  /** Begins. `name` makes the users unique. */
  static async start(world: World, name: string, random: Random): Promise<Chatters> {
    const users = Array.from({ length: ON_CREDITS + 1 }, (_, i) => `${name}-chatter-${i}`);
    for (const user_id of users)
      await world.bus.ask(allocate, { user_id, amount: CREDITS, source: "fault test" }, ADMIN);
    const tokens = new Map<string, string>();
    for (const user of users) tokens.set(user, await world.platform.tokenFor(user, ["user"]));
    return new Chatters(world, tokens, random);
  }

  private constructor(world: World, tokens: ReadonlyMap<string, string>, random: Random) {
    this.#world = world;
    this.#users = [...tokens.keys()];
    this.#owner = this.#users[0] as string;
    this.#ownerToken = tokens.get(this.#owner) as string;
    this.#billedBefore = world.provider.fake.billed().length;
    this.#working = [...tokens].map(([user, token]) => this.#work(user, token, random.fork()));
  }

  /** Settles when one more chat has come whole. Throws where none does. */
  async flows(): Promise<void> {
    const before = this.#whole;
    if (await until(() => this.#whole > before, FLOWS_WITHIN_MS)) return;
    throw new Error(`no chat came whole in ${FLOWS_WITHIN_MS / 1000} s`);
  }

  /** Asks for nothing more; settles when every chat has ended for its client. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#working);
  }

  /** Settles when it is known what every chat cost, and answers what became of them. Throws where that is not known in time. */
  async bills(): Promise<Bills> {
    // Bills of what his key paid are asked for with his key: he has a good one, also where no chat has told him of the last one's end.
    await until(async () => this.#world.provider.keys.has(this.#key) || (await this.#connect()), SETTLED_WITHIN_MS);
    await settled(this.#world, this.#users, SETTLED_WITHIN_MS);
    const billed = this.#world.provider.fake.billed().slice(this.#billedBefore);
    const found = await settlement(this.#world, billed, this.#users, (cost, user) =>
      user === this.#owner ? ZERO : MARKUP(cost, user),
    );
    const nameless = Math.min(await unnamed(this.#world, this.#users), found.missing.length);
    // Which of them are those without a name cannot be told; more than there are without a name are lost.
    return { ...found, unnamed: nameless, lost: found.missing.slice(nameless) };
  }

  get #whole(): number {
    return this.ends.get("whole") ?? 0;
  }

  async #work(user: string, token: string, random: Random): Promise<void> {
    while (!this.#isEnding) {
      if (user === this.#owner && !this.#isConnected) await this.#connect();
      const leavesAfterMs = random.chance(LEAVES) ? random.whole(0, LEAVES_WITHIN_MS) : CHAT_MAX_MS;
      const manner = random.pick(MANNERS);
      const body = {
        model: MODEL,
        messages: [{ role: "user", content: "x" }],
        max_tokens: TOKENS,
        stream: random.chance(STREAMED),
        user: this.#world.provider.mood || manner,
      };
      const ended = await chat(this.#world, token, body, AbortSignal.timeout(leavesAfterMs));
      if (user === this.#owner && ended === KEY_REFUSED) this.#isConnected = false;
      this.ends.set(ended, (this.ends.get(ended) ?? 0) + 1);
      await pause(random.whole(0, THINK_MAX_MS));
    }
  }

  /** Answers whether the owner has a key that OpenRouter takes. */
  async #connect(): Promise<boolean> {
    const api_key = `sk-or-v1-own-${randomUUID()}`;
    const call = { path: "/openrouter/create-account", token: this.#ownerToken, body: { api_key } };
    const answer = await new Rest(this.#world.platform.gatewayUrls).ask(call, PATIENCE_MS);
    this.#isConnected = answer?.status === 200;
    if (this.#isConnected) {
      this.#key = api_key;
      this.#world.provider.keys.add(api_key);
    }
    return this.#isConnected;
  }
}
