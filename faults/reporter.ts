/** A reporter over NATS as every reporter should be: it keeps each event until usage confirms it. */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { usageEventOutcomes } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { streams as allStreams } from "@tollbooth/shared/streams";
import { eventKey, type Effect } from "./effects.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

interface Kept {
  readonly effect: Effect;
  readonly eventId: string;
  readonly report: object;
  sentAtMs: number;
  times: number;
}

const BEAT_MS = 150;
const BURST_MAX = 12;
/** Before that an event may simply not have had its turn. Doubled each time: what is sent again lengthens the queue. */
const SEND_AGAIN_AFTER_MS = 3_000;
const ASK_MAX = 500;
/** A service that was killed with a question in its hands never answers it; one on a busy machine takes as long as a client waits. */
const ASK_PATIENCE_MS = 3_000;
const TWICE = 0.1;

export class Reporter {
  readonly #world: World;
  readonly #source: string;
  readonly #users: readonly string[];
  readonly #random: Random;
  readonly #effects: Effect[];
  readonly #kept = new Map<string, Kept>();
  readonly #beating: Promise<void>;
  #isEnding = false;
  #isDropped = false;
  confirmed = 0;
  sentAgain = 0;

  /** Begins to report for these users; what it reports is added to `effects`. */
  constructor(world: World, source: string, users: readonly string[], random: Random, effects: Effect[]) {
    this.#world = world;
    this.#source = source;
    this.#users = users;
    this.#random = random;
    this.#effects = effects;
    this.#beating = this.#beat();
  }

  /** Reports nothing new; answers whether all it had reported was confirmed before `untilMs` (of performance.now). */
  async end(untilMs: number): Promise<boolean> {
    this.#isEnding = true;
    const isDone = await until(() => this.#kept.size === 0, Math.max(0, untilMs - performance.now()));
    this.#isDropped = true;
    await this.#beating;
    return isDone;
  }

  async #beat(): Promise<void> {
    while (!this.#isDropped) {
      const fresh = this.#isEnding ? [] : this.#report();
      const now = performance.now();
      const late = [...this.#kept.values()].filter(
        ({ times, sentAtMs }) => times > 0 && now > sentAtMs + SEND_AGAIN_AFTER_MS * 2 ** (times - 1),
      );
      // What a question could not be asked about is not sent again: it may well have arrived.
      const unknown = await this.#confirm().catch(() => new Set<string>());
      const again = late.filter(({ eventId }) => unknown.has(eventId));
      this.sentAgain += again.length;
      await Promise.all([...fresh, ...again].map((each) => this.#send(each)));
      await pause(BEAT_MS);
    }
  }

  #report(): Kept[] {
    return Array.from({ length: this.#random.whole(1, BURST_MAX) }, () => {
      const eventId = `${this.#source}-${this.#effects.length}-${randomUUID()}`;
      const userId = this.#random.pick(this.#users);
      const effect: Effect = { kind: "event", userId, key: eventKey(this.#source, eventId), told: "unknown" };
      const report = {
        event_id: eventId,
        user_id: userId,
        service: "center-deep",
        quantity: String(this.#random.whole(1, 9)),
        unit: "query",
      };
      this.#effects.push(effect);
      const kept = { effect, eventId, report, sentAtMs: 0, times: 0 };
      this.#kept.set(eventId, kept);
      return kept;
    });
  }

  /** Sends, now and then twice at once. A broker that is away or refuses is no loss: it is kept. */
  async #send(kept: Kept): Promise<void> {
    kept.sentAtMs = performance.now();
    kept.times++;
    const { name, subjects } = allStreams.usageReports;
    const subject = subjects[0].replace("*", this.#source);
    const send = (id: string) => this.#world.streams.publish(name, subject, id, {}, JSON.stringify(kept.report));
    const ids = [`${kept.eventId}:${kept.times}`, ...(this.#random.chance(TWICE) ? [randomUUID()] : [])];
    await Promise.allSettled(ids.map(send));
  }

  /** Lets go of what usage says it has; answers what it does not know. */
  async #confirm(): Promise<Set<string>> {
    const asked = [...this.#kept.values()].filter(({ times }) => times > 0).slice(0, ASK_MAX);
    if (asked.length === 0) return new Set();
    const events = asked.map(({ eventId, effect }) => ({ user_id: effect.userId, event_id: eventId }));
    const deadlineMs = Date.now() + ASK_PATIENCE_MS;
    const answers = await this.#world.bus.ask(usageEventOutcomes, { source: this.#source, events }, { deadlineMs });
    for (const { event_id: eventId, outcome } of answers) {
      if (outcome === "unknown") continue;
      const kept = this.#kept.get(eventId);
      if (kept !== undefined) kept.effect.told = outcome === "applied" ? "done" : "refused";
      this.#kept.delete(eventId);
      this.confirmed++;
    }
    return new Set(answers.filter(({ outcome }) => outcome === "unknown").map(({ event_id }) => event_id));
  }
}
