/** Clients and a reporter at work while things break, and all that they were told. */
import { setTimeout as pause } from "node:timers/promises";
import { until } from "@tollbooth/shared/local/condition";
import type { Effect } from "./effects.ts";
import { Errands, type Asked, type Errand } from "./errands.ts";
import type { Random } from "./random.ts";
import { Reporter } from "./reporter.ts";
import { PATIENCE_MS, Rest } from "./rest.ts";
import type { World } from "./world.ts";

const CLIENTS = 8;
const THINK_MAX_MS = 40;
/** Some clients do not wait, and ask again while their first request is still being worked on. */
const HASTE = 0.1;
const HASTY_PATIENCE_MS = 400;
/** Some never ask again. */
const GIVES_UP = 0.1;
const RETRY_PAUSE_MS = 200;
const COUPONS_RARER = 5;
/** Invariant 13: so long after the last fault everything is as if there had been none. */
export const QUIET_WITHIN_MS = 45_000;

export class Traffic {
  readonly effects: Effect[] = [];
  /** Definite answers that no client should get. */
  readonly surprises: string[] = [];
  readonly users: readonly string[];
  readonly rest: Rest;
  readonly reporter: Reporter;
  readonly #left: Errand[] = [];
  readonly #working: Promise<void>[];
  #isEnding = false;
  /** Requests of which it is known what became of them. */
  readonly #answered: Record<Asked, number> = { usage: 0, credits: 0, coupons: 0 };

  /** Begins. `name` makes the users and the keys unique. */
  static async start(world: World, name: string, random: Random): Promise<Traffic> {
    const users = Array.from({ length: CLIENTS }, (_, i) => `${name}-user-${i}`);
    const tokens = new Map<string, string>();
    for (const user of users) tokens.set(user, await world.platform.tokenFor(user, ["user"]));
    const admin = await world.platform.tokenFor(`${name}-admin`, ["admin"]);
    const service = await world.platform.tokenFor(`${name}-service`, ["service"]);
    const codes: string[] = [];
    const errandsOf = (user: string, of: Random) =>
      new Errands({
        name,
        user,
        everybody: users,
        random: of,
        codes,
        tokens: { user: tokens.get(user) ?? "", admin, service },
      });
    return new Traffic(world, name, users, random, errandsOf);
  }

  private constructor(
    world: World,
    name: string,
    users: readonly string[],
    random: Random,
    errandsOf: (user: string, random: Random) => Errands,
  ) {
    this.users = users;
    this.rest = new Rest(world.platform.gatewayUrls);
    this.reporter = new Reporter(world, `${name}-reporter`, users, random.fork(), this.effects);
    this.#working = users.map(async (user) => {
      const own = random.fork();
      await this.#work(errandsOf(user, own.fork()), own);
    });
  }

  /** Settles when so many more have been answered, and of coupons a fifth of it: the platform works. Throws where it does not. */
  async flows(more: number): Promise<void> {
    const before = { ...this.#answered, reports: this.reporter.confirmed };
    const wanted = { usage: more, credits: more, coupons: Math.ceil(more / COUPONS_RARER), reports: more };
    const missing = () => {
      const now = { ...this.#answered, reports: this.reporter.confirmed };
      return (["usage", "credits", "coupons", "reports"] as const).filter((of) => now[of] - before[of] < wanted[of]);
    };
    if (await until(() => missing().length === 0, QUIET_WITHIN_MS)) return;
    throw new Error(`traffic does not flow: after ${QUIET_WITHIN_MS / 1000} s too few of ${missing().join(", ")}`);
  }

  /** Settles when so many more requests have been answered, whichever. Throws where they are not. */
  async answers(more: number): Promise<void> {
    const all = () => Object.values(this.#answered).reduce((total, count) => total + count, 0);
    const wanted = all() + more;
    if (await until(() => all() >= wanted, QUIET_WITHIN_MS)) return;
    throw new Error(`${more} requests were not answered in ${QUIET_WITHIN_MS / 1000} s`);
  }

  /** Asks for nothing new; answers what is still not known of at `untilMs` (of performance.now), which should be nothing. */
  async end(untilMs: number): Promise<string[]> {
    this.#isEnding = true;
    const all = Promise.all(this.#working).then(() => true);
    const isAnswered = await Promise.race([
      all,
      until(() => performance.now() >= untilMs, QUIET_WITHIN_MS * 2).then(() => false),
    ]);
    const isReported = await this.reporter.end(untilMs);
    return [
      ...(isAnswered ? [] : ["clients still wait for answers"]),
      ...(isReported ? [] : ["reports are still not confirmed"]),
    ];
  }

  /** Asks again about what was given up, under the same key: the answer tells whether it had been done. */
  async askAgain(untilMs: number): Promise<void> {
    for (const errand of this.#left.splice(0)) {
      const atMs = Date.now();
      const answer = await this.rest.askUntilTold(errand.call, untilMs);
      if (answer === undefined) continue;
      this.#settle(errand, answer);
      if (errand.call.key === undefined) continue;
      for (const effect of errand.effects) effect.asked = { wasDone: answer.isReplay, atMs };
    }
  }

  async #work(errands: Errands, random: Random): Promise<void> {
    while (!this.#isEnding) {
      const errand = errands.next();
      this.effects.push(...errand.effects);
      await this.#run(errand, random);
      await pause(random.whole(0, THINK_MAX_MS));
    }
  }

  async #run(errand: Errand, random: Random): Promise<void> {
    for (;;) {
      const answer = await this.rest.ask(errand.call, random.chance(HASTE) ? HASTY_PATIENCE_MS : PATIENCE_MS);
      if (answer !== undefined) return this.#settle(errand, answer);
      if (random.chance(GIVES_UP)) {
        this.#left.push(errand);
        return;
      }
      await pause(RETRY_PAUSE_MS * (0.5 + random.fraction()));
    }
  }

  #settle(errand: Errand, answer: Parameters<Errand["settle"]>[0]): void {
    const surprise = errand.settle(answer);
    if (surprise !== undefined) this.surprises.push(`${errand.call.path} ${errand.call.key ?? ""}: ${surprise}`);
    this.#answered[errand.of]++;
  }
}
