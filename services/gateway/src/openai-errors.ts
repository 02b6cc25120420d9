/** How the proxy refuses: as OpenAI's clients read it, with the codes and the numbers of the rest of the API. */
import type { Fault, FaultCode } from "@tollbooth/shared/fault";
import { traceId } from "@tollbooth/shared/telemetry";
import type { Answer } from "./answer.ts";
import { challenge, PROBLEMS } from "./problem.ts";

/** To a client of OpenAI, a key that is refused is one that is not valid. */
const OWN_STATUS: Partial<Record<FaultCode, number>> = { key_refused: 401 };
/** OpenAI's clients repeat such a request by themselves, unless they are told not to: it may have been done and billed. */
const NEVER_AGAIN: ReadonlySet<FaultCode> = new Set<FaultCode>(["timeout", "idempotency_conflict"]);

/** What a code is in HTTP, to a client of OpenAI's. */
export function statusOf(code: FaultCode): number {
  return OWN_STATUS[code] ?? PROBLEMS[code].status;
}

/** Answers a refusal. Of a 5xx nothing is told but its kind. */
export function refuse(res: Answer, fault: Fault): void {
  const { code } = fault;
  res.locals.code = code;
  const { facts, fix, errors, retryAfterS = 1 } = fault.more;
  const status = statusOf(code);
  const isOurs = status >= 500;
  res.writeHead(status, {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store",
    ...(code === "unauthenticated" && { "WWW-Authenticate": challenge(res.req) }),
    ...([429, 503, 504].includes(status) && { "Retry-After": String(Math.ceil(retryAfterS)) }),
    ...(NEVER_AGAIN.has(code) && { "X-Should-Retry": "false" }),
    // What is left of a body that is too large is not read.
    ...(code === "payload_too_large" && { Connection: "close" }),
  });
  const error = {
    message: isOurs ? PROBLEMS[code].about : fix === undefined ? fault.message : `${fault.message}; ${fix}`,
    type: code,
    code,
    param: (!isOurs && errors?.[0]?.path) || null,
    ...(!isOurs && facts),
    trace_id: traceId(),
  };
  res.end(JSON.stringify({ error }));
}
