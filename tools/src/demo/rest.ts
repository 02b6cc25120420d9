/** A client of the REST API, typed by the contracts. What is not definite is asked again with the same content and key. */
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import type { Command } from "@tollbooth/shared/contract";

const PREFIX = "/api/v1/credits";
const ATTEMPT_MS = 15_000;
const GIVE_UP_MS = 60_000;
const PAUSE_MS = 250;
const OK = 200;
/** Too many requests, a part that is away, no answer in time: come again. */
const COME_AGAIN = new Set([429, 503, 504]);

const Problem = z.object({ code: z.string(), detail: z.string() });

export interface Asked {
  readonly token: string;
  /** Makes a POST happen once, however often it is sent. */
  readonly key?: string;
}

export class Rest {
  readonly #gatewayUrl: string;
  #repeated = 0;

  constructor(gatewayUrl: string) {
    this.#gatewayUrl = gatewayUrl;
  }

  /** Requests that had to be sent again, because their outcome was not known or the platform asked for it. */
  get repeated(): number {
    return this.#repeated;
  }

  /** The answer of a contract's route. Throws one sentence where it is refused, or after a minute without an answer. */
  async ask<I extends z.ZodType, O extends z.ZodType>(
    contract: Command<I, O>,
    input: z.input<I>,
    asked: Asked,
  ): Promise<z.output<O>> {
    const { json } = await this.#send(contract, input, asked);
    return contract.output.parse(json);
  }

  /** All pages of a list, one after the other. */
  async pages<I extends z.ZodType, T extends z.ZodType>(
    contract: Command<I, z.ZodArray<T>>,
    input: z.input<I> & object,
    asked: Asked,
  ): Promise<z.output<T>[]> {
    const items: z.output<T>[] = [];
    for (let page: object | undefined = input; page !== undefined;) {
      const { json, next } = await this.#send(contract, page, asked);
      items.push(...contract.output.parse(json));
      page = next === undefined ? undefined : { ...input, cursor: next };
    }
    return items;
  }

  async #send(contract: Command, input: unknown, asked: Asked): Promise<{ json: unknown; next: string | undefined }> {
    const { http, subject } = contract;
    if (http === undefined) throw new Error(`${subject} has no route`);
    const isPost = http.method === "post";
    const url = new URL(`${PREFIX}${http.path}`, this.#gatewayUrl);
    if (!isPost) for (const [name, value] of Object.entries(input as object)) url.searchParams.set(name, String(value));
    const request = {
      method: http.method.toUpperCase(),
      headers: {
        Authorization: `Bearer ${asked.token}`,
        ...(isPost && { "Content-Type": "application/json" }),
        ...(asked.key !== undefined && { "Idempotency-Key": asked.key }),
      },
      ...(isPost && { body: JSON.stringify(input) }),
    };
    const answer = await this.#definite(url, request);
    const text = await answer.text();
    if (answer.status === OK) return { json: JSON.parse(text), next: cursorIn(answer.headers.get("link")) };
    const problem = Problem.safeParse(readJson(text)).data;
    const why = problem === undefined ? text.slice(0, 200) : `${problem.code}: ${problem.detail}`;
    throw new Error(`${request.method} ${url.pathname} was answered ${answer.status} ${why}`);
  }

  async #definite(url: URL, request: RequestInit): Promise<Response> {
    const end = performance.now() + GIVE_UP_MS;
    for (;;) {
      const answer = await fetch(url, { ...request, signal: AbortSignal.timeout(ATTEMPT_MS) }).catch(unreachable);
      const isDefinite = answer instanceof Response && !COME_AGAIN.has(answer.status);
      if (isDefinite) return answer;
      if (performance.now() > end) {
        const why = answer instanceof Response ? `answers ${answer.status}` : `does not answer: ${answer.message}`;
        throw new Error(`${url.origin} ${why}, for ${GIVE_UP_MS / 1000} s by now`);
      }
      this.#repeated += 1;
      await pause(answer instanceof Response ? await pauseAskedFor(answer) : PAUSE_MS);
    }
  }
}

/** Errors of the network hide why in their cause. */
function unreachable(error: Error): Error {
  return error.cause instanceof Error ? error.cause : error;
}

async function pauseAskedFor(answer: Response): Promise<number> {
  await answer.body?.cancel();
  return Number(answer.headers.get("retry-after") ?? 0) * 1000 || PAUSE_MS;
}

function cursorIn(link: string | null): string | undefined {
  const [, address] = /<([^>]+)>; rel="next"/.exec(link ?? "") ?? [];
  return address === undefined
    ? undefined
    : (new URL(address, "http://gateway").searchParams.get("cursor") ?? undefined);
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
