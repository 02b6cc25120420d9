/**
 * How a service reports usage over NATS so that nothing is lost or charged twice. It publishes each event as a CloudEvent,
 * keeps it until the platform says that it was recorded, and sends again, with the same id, what the platform does not
 * know. Publishing alone is best effort: even a message that the broker has acknowledged is gone when the broker loses its
 * last seconds. A service that may itself die keeps its events in its database instead of in this map.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { z } from "zod";
import type { Bus } from "@tollbooth/shared/bus";
import { printInstant } from "@tollbooth/shared/contract";
import { usageEventOutcomes, type UsageReport } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { Streams, streams } from "@tollbooth/shared/streams";

/** A use of the service by a user. */
export interface Usage {
  /** The reporter's own id of it: the same id is charged once, however often it is sent. */
  readonly id: string;
  readonly userId: string;
  readonly atMs: number;
  readonly told: Omit<z.input<typeof UsageReport>, "user_id" | "event_id" | "occurred_at" | "source">;
}

export interface ReporterOptions {
  readonly bus: Bus;
  /** The last token of the subject. The broker lets nobody else report under it. */
  readonly source: string;
  readonly onRecorded?: () => void;
  /** When to send again what is not known: longer than a backlog of KEPT_MAX takes. Doubles with each sending. */
  readonly againAfterMs?: number;
}

interface Kept {
  readonly usage: Usage;
  sendings: number;
  /** When to send it again, if it is not known by then. */
  dueAtMs: number;
}

/** So many events are unconfirmed at most; then `report` waits. This is also what bounds a backlog that we feed. */
const KEPT_MAX = 1_000;
const ASKED_MAX = 500;
const ASK_EVERY_MS = 200;
const AGAIN_AFTER_MS = 10_000;
const AGAIN_AFTER_MAX_MS = 60_000;
const AFTER_FAILURE_MS = 1_000;

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #streams: Streams;
  readonly #kept = new Map<string, Kept>();
  readonly #refused: string[] = [];
  readonly #confirming: Promise<void>;
  #isOpen = true;
  #sentAgain = 0;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#streams = new Streams(options.bus);
    this.#confirming = this.#confirm();
  }

  /** Events that were sent again because the platform did not know them. */
  get sentAgain(): number {
    return this.#sentAgain;
  }

  /** Ids of events that the platform will not record; an operator finds the reasons among its dead letters. */
  get refused(): readonly string[] {
    return this.#refused;
  }

  /** Takes an event; it is kept from here on. Throws where nothing was confirmed for `withinMs` and all room is taken. */
  async report(usage: Usage, withinMs: number): Promise<void> {
    await this.#below(KEPT_MAX, withinMs);
    const kept = this.#kept.get(usage.id) ?? { usage, sendings: 0, dueAtMs: 0 };
    this.#kept.set(usage.id, kept);
    this.#send(kept);
  }

  /** Settles when the platform has confirmed all that was reported. Throws where it confirms nothing for `withinMs`. */
  async settled(withinMs: number): Promise<void> {
    await this.#below(1, withinMs);
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#confirming;
  }

  async #below(count: number, withinMs: number): Promise<void> {
    while (this.#kept.size >= count) {
      const before = this.#kept.size;
      if (await until(() => this.#kept.size < before, withinMs)) continue;
      throw new Error(`${before} events of ${this.#options.source} were not confirmed within ${withinMs / 1000} s`);
    }
  }

  /** Does not wait for the broker's answer: what it lost is found when the platform is asked. */
  #send(kept: Kept): void {
    const { usage } = kept;
    const { source, againAfterMs = AGAIN_AFTER_MS } = this.#options;
    kept.dueAtMs = Date.now() + Math.min(againAfterMs * 2 ** kept.sendings, AGAIN_AFTER_MAX_MS);
    kept.sendings += 1;
    const headers = {
      "ce-specversion": "1.0",
      "ce-type": "usage.reported",
      "ce-source": source,
      "ce-id": encodeURIComponent(usage.id),
      "ce-time": printInstant(usage.atMs),
      "Content-Type": "application/json",
    };
    const body = JSON.stringify({ ...usage.told, user_id: usage.userId });
    // Of two messages with one id the broker keeps the first, even where it has lost it since: each sending has its own.
    const messageId = `${source}:${usage.id}:${kept.sendings}`;
    this.#streams.publish(streams.usageReports.name, `usage.report.${source}`, messageId, headers, body).catch(() => {
      kept.dueAtMs = Math.min(kept.dueAtMs, Date.now() + AFTER_FAILURE_MS);
    });
  }

  /** Asks on and on what became of the events; an unanswered question is asked again. */
  async #confirm(): Promise<void> {
    while (this.#isOpen) {
      await pause(ASK_EVERY_MS);
      await this.#round().catch(() => {});
    }
  }

  /** The oldest first. Where most of a page is not known yet, younger ones are not either. */
  async #round(): Promise<void> {
    const all = [...this.#kept.values()];
    for (let at = 0; at < all.length; at += ASKED_MAX) {
      const page = all.slice(at, at + ASKED_MAX);
      const unknown = await this.#ask(page);
      for (const kept of unknown.filter(({ dueAtMs }) => dueAtMs <= Date.now())) {
        this.#sentAgain += 1;
        this.#send(kept);
      }
      if (unknown.length > page.length / 2) return;
    }
  }

  /** Lets go of what has an outcome; answers what has none. */
  async #ask(page: readonly Kept[]): Promise<Kept[]> {
    const answers = await this.#options.bus.ask(usageEventOutcomes, {
      source: this.#options.source,
      events: page.map(({ usage }) => ({ user_id: usage.userId, event_id: usage.id })),
    });
    return page.filter(({ usage: { id } }, i) => {
      const outcome = answers[i]?.outcome ?? "unknown";
      if (outcome === "unknown") return true;
      if (outcome !== "applied") this.#refused.push(id);
      this.#kept.delete(id);
      this.#options.onRecorded?.();
      return false;
    });
  }
}
