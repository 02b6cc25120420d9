/** What one client asks for, at random: usage, grants, deductions, coupons, repeats, and what must be refused. */
import { expectRefusal, unexpected, type Event, type Item, type Redeemed } from "./answers.ts";
import { COUPON, eventKey, type Effect } from "./effects.ts";
import type { Random } from "./random.ts";
import type { Answer, Call } from "./rest.ts";
import { UNPRICED, USES } from "./uses.ts";

/** Which service answers. */
export type Asked = "usage" | "credits" | "coupons";

export interface Errand {
  readonly of: Asked;
  readonly call: Call;
  /** What it shall have done, once. */
  readonly effects: readonly Effect[];
  /** Takes note of a definite answer; answers what is wrong with it, if something is. */
  settle(answer: Answer): string | undefined;
}

interface Setting {
  readonly name: string;
  readonly user: string;
  readonly everybody: readonly string[];
  readonly random: Random;
  readonly tokens: Readonly<Record<"user" | "service" | "admin", string>>;
  /** Codes that were made, by whomever; some can be redeemed by few only. */
  readonly codes: string[];
}

const BATCH_MAX = 6;
/** Of those that were answered, so many may be repeated. */
const REMEMBERED_MAX = 50;
const CODES_TRIED = 10;
const CODE_LENGTH_MAX = 63;

type Kind =
  | "track"
  | "trackFor"
  | "batch"
  | "allocate"
  | "refund"
  | "deduct"
  | "coupon"
  | "redeem"
  | "refused"
  | "repeat"
  | "other";
// prettier-ignore
const KINDS: readonly Kind[] = [
  "track", "track", "track", "track", "trackFor", "batch", "allocate", "allocate", "refund", "deduct", "deduct", "deduct",
  "coupon", "redeem", "redeem", "refused", "repeat", "other",
];

export class Errands {
  readonly #setting: Setting;
  readonly #done: { call: Call; answer: Answer; of: Errand["of"] }[] = [];
  readonly #redeemed = new Set<string>();
  #count = 0;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  next(): Errand {
    this.#count++;
    const kind = this.#setting.random.pick(KINDS);
    return this[kind]();
  }

  private track(): Errand {
    const { user, random, tokens } = this.#setting;
    const id = this.#id();
    const call = {
      path: "/usage/track",
      token: tokens.user,
      body: { ...random.pick(USES), event_id: id },
      ...(random.chance(0.5) && { key: id }),
    };
    return this.#tracking(call, effectOf("event", user, eventKey("user", id)));
  }

  /** A service reports for anybody: several clients meet at one user. */
  private trackFor(): Errand {
    const { name, random, everybody, tokens } = this.#setting;
    const id = this.#id();
    const userId = random.pick(everybody);
    const call = {
      path: "/usage/track",
      token: tokens.service,
      body: { ...random.pick(USES), event_id: id, user_id: userId },
    };
    return this.#tracking(call, effectOf("event", userId, eventKey(`${name}-service`, id)));
  }

  private batch(): Errand {
    const { user, random, tokens } = this.#setting;
    const uses = Array.from({ length: random.whole(1, BATCH_MAX) }, () =>
      random.chance(0.1) ? UNPRICED : random.pick(USES),
    );
    const events = uses.map((use, i) => ({ ...use, event_id: `${this.#id()}-${i}` }));
    const effects = events.map(({ event_id: id }) => effectOf("event", user, eventKey("user", id)));
    const call = {
      path: "/usage/track/batch",
      token: tokens.user,
      body: { events },
      ...(random.chance(0.5) && { key: this.#id() }),
    };
    return {
      of: "usage",
      call,
      effects,
      settle: (answer) => {
        if (answer.status !== 200) return unexpected(answer);
        (JSON.parse(answer.text) as Item[]).forEach((item, i) => {
          const effect = effects[i] as Effect;
          effect.told = item.status === "refused" ? "refused" : "done";
          if (item.event !== undefined) effect.amount = `-${item.event.charged}`;
        });
        const wrong = uses.findIndex((use, i) => (use === UNPRICED) !== (effects[i]?.told === "refused"));
        return wrong < 0 ? undefined : `item ${wrong} is ${effects[wrong]?.told}`;
      },
    };
  }

  private allocate(): Errand {
    const { random, everybody, tokens } = this.#setting;
    const userId = random.pick(everybody);
    const amount = `${random.whole(0, 3)}.${random.whole(1, 999_999)}`;
    const body = { user_id: userId, amount, source: "fault test" };
    return this.#posting({ path: "/allocate", token: tokens.admin, body }, userId, amount);
  }

  private refund(): Errand {
    const { random, everybody, tokens } = this.#setting;
    const userId = random.pick(everybody);
    const amount = `0.${random.whole(1, 999_999)}`;
    const body = { user_id: userId, amount, reason: "fault test" };
    return this.#posting({ path: "/refund", token: tokens.admin, body }, userId, amount);
  }

  /** Now and then more than there is, which is refused. */
  private deduct(): Errand {
    const { random, everybody, tokens } = this.#setting;
    const userId = random.pick(everybody);
    const amount = random.chance(0.2) ? "5000" : `${random.whole(0, 3)}.${random.whole(1, 999_999)}`;
    const body = { user_id: userId, amount, service: "fault test" };
    return this.#posting({ path: "/deduct", token: tokens.service, body }, userId, `-${amount}`);
  }

  private coupon(): Errand {
    const { random, tokens, codes } = this.#setting;
    const code = `C${this.#id().toUpperCase().slice(-CODE_LENGTH_MAX)}`;
    const isBonus = random.chance(0.8);
    const type = { coupon_type: isBonus ? "credit_bonus" : "fixed_discount", value: `0.${random.whole(1, 999_999)}` };
    const body = { ...type, code, max_uses: random.whole(1, 4) };
    const settle = (answer: Answer) => {
      if (answer.status !== 200) return unexpected(answer);
      codes.push(code);
      return undefined;
    };
    return {
      of: "coupons",
      call: { path: "/coupons/create", token: tokens.admin, body, key: code },
      effects: [],
      settle,
    };
  }

  /** Once a user; of several who come for the last use of a code all but one are refused. */
  private redeem(): Errand {
    const { user, tokens, codes } = this.#setting;
    const code = codes.slice(-CODES_TRIED).find((each) => !this.#redeemed.has(each));
    if (code === undefined) return this.coupon();
    this.#redeemed.add(code);
    const effect = effectOf("event", user, eventKey(COUPON, code));
    const call = { path: "/coupons/redeem", token: tokens.user, body: { code }, key: this.#id() };
    const settle = (answer: Answer) => {
      if (answer.status !== 200) return expectRefusal(answer, 409, effect);
      effect.told = "done";
      effect.amount = (JSON.parse(answer.text) as Redeemed).credits_awarded;
      this.#remember(call, answer, "coupons");
      return undefined;
    };
    return { of: "coupons", call, effects: [effect], settle };
  }

  /** No price, no cost: never recorded. */
  private refused(): Errand {
    const { user, tokens } = this.#setting;
    const id = this.#id();
    const effect = effectOf("event", user, eventKey("user", id));
    const call = { path: "/usage/track", token: tokens.user, body: { ...UNPRICED, event_id: id } };
    return { of: "usage", call, effects: [effect], settle: (answer) => expectRefusal(answer, 422, effect) };
  }

  /** What was answered before is answered again: the same status, the same bytes, nothing done. */
  private repeat(): Errand {
    const before = this.#before();
    if (before === undefined) return this.track();
    const settle = (answer: Answer) => {
      const isSame = answer.status === before.answer.status && answer.text === before.answer.text;
      return isSame
        ? undefined
        : `first ${before.answer.status} ${before.answer.text}, then ${answer.status} ${answer.text}`;
    };
    return { of: before.of, call: before.call, effects: [], settle };
  }

  /** A key or an event_id that was used before, with other content, is a conflict. */
  private other(): Errand {
    const before = this.#before();
    if (before === undefined) return this.allocate();
    const call = { ...before.call, body: { ...before.call.body, metadata: { other: true } } };
    return { of: before.of, call, effects: [], settle: (answer) => expectRefusal(answer, 409) };
  }

  #tracking(call: Call, effect: Effect): Errand {
    const settle = (answer: Answer) => {
      if (answer.status !== 200) return unexpected(answer);
      effect.told = "done";
      effect.amount = `-${(JSON.parse(answer.text) as Event).charged}`;
      this.#remember(call, answer, "usage");
      return undefined;
    };
    return { of: "usage", call, effects: [effect], settle };
  }

  #posting(bare: Call, userId: string, amount: string): Errand {
    const key = this.#id();
    const call = { ...bare, key };
    const effect: Effect = { ...effectOf("posting", userId, key), amount };
    const settle = (answer: Answer) => {
      if (answer.status !== 200)
        return bare.path === "/deduct" ? expectRefusal(answer, 402, effect) : unexpected(answer);
      effect.told = "done";
      this.#remember(call, answer, "credits");
      return undefined;
    };
    return { of: "credits", call, effects: [effect], settle };
  }

  #remember(call: Call, answer: Answer, of: Errand["of"]): void {
    this.#done.push({ call, answer, of });
    if (this.#done.length > REMEMBERED_MAX) this.#done.shift();
  }

  #before() {
    return this.#done[this.#setting.random.whole(0, Math.max(0, this.#done.length - 1))];
  }

  #id(): string {
    return `${this.#setting.user}-${this.#count}`;
  }
}

function effectOf(kind: Effect["kind"], userId: string, key: string): Effect {
  return { kind, userId, key, told: "unknown" };
}
