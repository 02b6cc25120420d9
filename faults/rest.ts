/** A client of the REST API as every client should be: it asks with the same key until it is told what became of it. */
import { setTimeout as pause } from "node:timers/promises";

export interface Call {
  readonly path: string;
  readonly token: string;
  readonly body: object;
  /** Its Idempotency-Key, where it has one. */
  readonly key?: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** Whether it is the remembered answer of an earlier request. */
  readonly isReplay: boolean;
}

const API = "/api/v1/credits";

export class Rest {
  readonly #gatewayUrls: readonly string[];
  #asked = 0;
  readonly #seen = new Map<string, number>();

  /** A client of these gateways, one after the other. */
  constructor(gatewayUrls: readonly string[]) {
    this.#gatewayUrls = gatewayUrls;
  }

  /** How often which status came, or none. */
  get seen(): ReadonlyMap<string, number> {
    return this.#seen;
  }

  /** Asks once. Answers undefined where it is not known whether it was done: no answer, or one that does not say. */
  async ask(call: Call, patienceMs: number): Promise<Answer | undefined> {
    const answer = await this.#send(call, patienceMs).catch((error: unknown) => nameOf(error));
    const seen = typeof answer === "string" ? answer : String(answer.status);
    this.#seen.set(seen, (this.#seen.get(seen) ?? 0) + 1);
    return typeof answer === "string" || answer.status === 429 || answer.status >= 500 ? undefined : answer;
  }

  /** Asks again and again until it is told; undefined where that does not happen before `untilMs` (of performance.now). */
  async askUntilTold(call: Call, untilMs: number): Promise<Answer | undefined> {
    while (performance.now() < untilMs) {
      const answer = await this.ask(call, Math.min(PATIENCE_MS, untilMs - performance.now()));
      if (answer !== undefined) return answer;
      await pause(RETRY_AFTER_MS * (0.5 + Math.random()));
    }
    return undefined;
  }

  async #send({ path, token, body, key }: Call, patienceMs: number): Promise<Answer> {
    const gatewayUrl = this.#gatewayUrls[this.#asked++ % this.#gatewayUrls.length];
    const answer = await fetch(`${gatewayUrl}${API}${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        ...(key !== undefined && { "idempotency-key": key }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(Math.max(1, Math.ceil(patienceMs))),
    });
    const isReplay = answer.headers.get("idempotency-replayed") === "true";
    return { status: answer.status, text: await answer.text(), isReplay };
  }
}

/** More than the gateway takes to give up. */
export const PATIENCE_MS = 5_000;
const RETRY_AFTER_MS = 200;

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return "no answer";
  if (error.name === "TimeoutError") return "too late";
  const cause = error.cause instanceof Error && "code" in error.cause ? error.cause.code : undefined;
  return cause === "ECONNREFUSED" ? "nobody there" : "cut off";
}
