/** What the proxy tells beside every answer: the request's name, what it cost, what may still be spent. */
import { hash, randomUUID } from "node:crypto";
import type { Bus } from "@tollbooth/shared/bus";
import type { Caller } from "@tollbooth/shared/contract";
import { checkBalance } from "@tollbooth/shared/contracts/credits";
import type { FaultCode } from "@tollbooth/shared/fault";
import { print, ZERO } from "@tollbooth/shared/money";
import type { z } from "zod";
import type { Answer } from "./answer.ts";

const NOTHING = print(ZERO);
/** A refusal does not wait longer for what it tells besides. */
const BALANCE_WITHIN_MS = 1_000;
const SELF: Caller = { sub: "gateway", roles: ["service"] };
/** After these nobody knows whether it was done, and billed. */
const UNKNOWN: ReadonlySet<FaultCode> = new Set<FaultCode>(["timeout", "internal"]);

/** Names a request, and tells it. A client's own key makes his request the same one; without it every one is another. */
export function nameRequest(res: Answer, key?: string): string {
  const name = key === undefined ? randomUUID() : `key:${hash("sha256", key)}`;
  res.setHeader("X-Tollbooth-Request-Id", name);
  return name;
}

/** Tells what costs nothing: a refusal, unless nobody knows what became of it, and what is free. Who cannot be asked in time says nothing. */
export async function tellNothing(
  bus: Pick<Bus, "forward">,
  res: Answer,
  caller: Caller | undefined,
  code?: FaultCode,
): Promise<void> {
  if (code === undefined || !UNKNOWN.has(code)) res.setHeader("X-Tollbooth-Cost", NOTHING);
  if (caller === undefined) return;
  const ask = { caller: SELF, requestId: res.locals.requestId, deadlineMs: Date.now() + BALANCE_WITHIN_MS };
  const asked = JSON.stringify({ user_id: caller.sub, amount: NOTHING });
  const reply = await bus.forward(checkBalance, asked, ask).catch(() => undefined);
  if (reply === undefined || res.headersSent) return;
  const { available } = JSON.parse(reply.json) as z.input<typeof checkBalance.output>;
  res.setHeader("X-Tollbooth-Balance", available);
}
