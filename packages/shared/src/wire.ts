/** How requests, answers and refusals look on the wire: JSON bodies, everything else in headers. */
import { randomUUID } from "node:crypto";
import { headers as natsHeaders, type Msg, type MsgHdrs } from "nats";
import { z } from "zod";
import { Id, type Ask, type Caller } from "./contract.ts";
import { Fault, FAULT_CODES, type FaultBody } from "./fault.ts";
import { Reply } from "./handler.ts";
import { traceHeaders, traceIn, type TraceHeaders } from "./telemetry.ts";

/** For askers that name no deadline. */
export const ASK_TIMEOUT_MS = 10_000;

export const HEADER = {
  caller: "Tollbooth-Caller",
  request: "Tollbooth-Request-Id",
  deadline: "Tollbooth-Deadline",
  key: "Idempotency-Key",
  replayed: "Idempotency-Replayed",
  next: "Tollbooth-Next",
};

/** A newer service may know codes that we do not: to us they are `internal`. */
const FaultOnTheWire = z.object({
  code: z.enum(FAULT_CODES).catch("internal"),
  detail: z.string(),
  fix: z.string().optional(),
  facts: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  retry_after_s: z.number().optional(),
});

/** The answer in a message. Throws the Fault that it is. */
export function decodeReply(message: Msg): Reply {
  const json = message.string();
  const { headers } = message;
  if (headers?.get("Nats-Service-Error-Code"))
    throw Fault.fromBody(FaultOnTheWire.parse(JSON.parse(json)) as FaultBody);
  return new Reply(json, {
    replayed: headers?.get(HEADER.replayed) === "true",
    next: headers?.get(HEADER.next) || undefined,
  });
}

/** Names may hold any character; a header may not. */
export function encodeAsk(ask: Partial<Ask> & Pick<Ask, "requestId" | "deadlineMs">): MsgHdrs {
  const headers = natsHeaders();
  for (const [name, value] of Object.entries(traceHeaders())) headers.set(name, value);
  headers.set(HEADER.request, ask.requestId);
  headers.set(HEADER.deadline, String(ask.deadlineMs));
  if (ask.caller !== undefined) headers.set(HEADER.caller, encodeURIComponent(JSON.stringify(ask.caller)));
  if (ask.idempotencyKey !== undefined) headers.set(HEADER.key, encodeURIComponent(ask.idempotencyKey));
  return headers;
}

const CallerOnTheWire = z.object({
  sub: z.string().min(1),
  roles: z.array(z.enum(["user", "service", "admin"])),
  azp: z.string().optional(),
});

/** Who asks, and until when. Throws on headers that cannot be read. */
export function decodeAsk(headers: MsgHdrs | undefined): Ask {
  const caller = headers?.get(HEADER.caller);
  const key = headers?.get(HEADER.key);
  try {
    return {
      requestId: headers?.get(HEADER.request) || randomUUID(),
      deadlineMs: Number(headers?.get(HEADER.deadline)) || Date.now() + ASK_TIMEOUT_MS,
      ...(caller && { caller: CallerOnTheWire.parse(JSON.parse(decodeURIComponent(caller))) as Caller }),
      ...(key && { idempotencyKey: Id.parse(decodeURIComponent(key)) }),
    };
  } catch (cause) {
    throw new Fault("invalid_request", `the headers ${HEADER.caller} or ${HEADER.key} cannot be read`, { cause });
  }
}

/** The trace that a message continues. */
export function traceOf(headers: MsgHdrs | undefined): TraceHeaders {
  return traceIn((name) => headers?.get(name));
}

/** The JSON value in a message's bytes; undefined where there is none. */
export function jsonIn(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString("utf8"));
  } catch {
    return undefined;
  }
}
