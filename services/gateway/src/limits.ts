/** How many requests one user or one address may make in a while, counted in this process's memory. */
import type { ServerResponse } from "node:http";
import { isIPv4 } from "node:net";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { Fault } from "@tollbooth/shared/fault";
import { rateLimited } from "@tollbooth/shared/metrics";

/** A limit of so many requests a window. A key is forgotten when its window ends, so memory is bounded by the rate. */
export class Limit {
  readonly #name: string;
  readonly #requestsMax: number;
  readonly #windowS: number;
  readonly #counts: RateLimiterMemory;

  constructor(name: string, requestsMax: number, windowS: number) {
    this.#name = name;
    this.#requestsMax = requestsMax;
    this.#windowS = windowS;
    this.#counts = new RateLimiterMemory({ points: requestsMax, duration: windowS });
  }

  /** Counts a request and tells how things stand in the RateLimit headers. Throws `rate_limited` beyond the limit. */
  async count(key: string, res: ServerResponse): Promise<void> {
    const standing = await this.#counts.consume(key).catch((thrown: unknown) => thrown);
    if (!(standing instanceof RateLimiterRes)) throw standing;
    const resetS = Math.ceil(standing.msBeforeNext / 1000);
    res.appendHeader("RateLimit-Policy", `"${this.#name}";q=${this.#requestsMax};w=${this.#windowS}`);
    res.appendHeader("RateLimit", `"${this.#name}";r=${standing.remainingPoints};t=${resetS}`);
    if (standing.consumedPoints <= this.#requestsMax) return;
    rateLimited.inc({ limit: this.#name });
    const detail = `more than ${this.#requestsMax} requests in ${this.#windowS} s from one ${this.#name}`;
    throw new Fault("rate_limited", detail, { retryAfterS: Math.max(1, resetS) });
  }
}

/** What counts as one address: an IPv4 address, or the /64 that one IPv6 subscriber has to himself. */
export function network(address: string): string {
  const v4 = address.replace(/^::ffff:/i, "");
  if (isIPv4(v4)) return v4;
  const [head = "", tail] = address.split("::");
  const groups = head.split(":").filter(Boolean);
  const after = tail?.split(":").filter(Boolean) ?? [];
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - after.length) }, () => "0");
  return [...groups, ...zeros, ...after].slice(0, 4).join(":");
}
