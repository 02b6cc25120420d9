/** The broker's request/reply side: a service answers its contracts, others ask. */
import { connect, Events, headers as natsHeaders, NatsError, ErrorCode, type MsgHdrs, type NatsConnection, type ServiceMsg } from "nats";
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { Id, type Ask, type Caller, type Command } from "./contract.ts";
import { Fault, FAULT_CODES, type FaultBody } from "./fault.ts";
import { Reply, type Endpoint } from "./handler.ts";
import type { Log } from "./log.ts";
import { inSpan, SpanKind, traceHeaders, type TraceHeaders } from "./telemetry.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_WAIT_MS = 250;
/** For askers that name no deadline. */
const ASK_TIMEOUT_MS = 10_000;
const PING_TIMEOUT_MS = 1_000;
const IN_FLIGHT_MAX = 5_000;

const REFUSED = 1;
const HEADER = { caller: "Tollbooth-Caller", request: "Tollbooth-Request-Id", deadline: "Tollbooth-Deadline", key: "Idempotency-Key", replayed: "Idempotency-Replayed", next: "Tollbooth-Next" };

export interface Bus {
  /** Asks a service. Throws the Fault it answered; `unavailable` where nobody answers, `timeout` where the outcome is unknown. */
  ask<I extends z.ZodType, O extends z.ZodType>(contract: Command<I, O>, input: z.input<I>, ask?: Partial<Ask>): Promise<z.output<O>>;
  /** The same with bodies as they are: what the gateway does. */
  forward(contract: Command, body: string, ask: Partial<Ask>): Promise<Reply>;
  /** Answers the endpoints' subjects, sharing them with other processes of the same service. */
  serve(service: string, endpoints: readonly Endpoint[]): Promise<void>;
  connected(): boolean;
  /** Whether a process of the service answers within a second. */
  ping(service: string): Promise<boolean>;
  /** Runs after every reconnect. */
  onReconnect(run: () => void): void;
  /** The connection itself, for streams.ts alone. */
  readonly connection: NatsConnection;
  /** Answers what is in hand, then leaves. */
  close(): Promise<void>;
}

/** Connects; keeps trying for ever once connected, because a broker that is away comes back. */
export async function openBus(options: { url: string; name: string; log: Log }): Promise<Bus> {
  const connection = await connect({
    servers: options.url.split(","),
    name: `tollbooth-${options.name}`,
    timeout: CONNECT_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    pingInterval: 5_000,
    maxPingOut: 2,
  }).catch((cause: Error) => {
    throw new Error(`the message broker at NATS_URL does not answer: ${cause.message}`, { cause });
  });
  let connected = true;
  const reconnected: (() => void)[] = [];
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === Events.Disconnect) connected = false;
      if (status.type === Events.Reconnect) {
        connected = true;
        for (const run of reconnected) run();
      }
      if (status.type === Events.Disconnect || status.type === Events.Reconnect) options.log.warn({ status: status.type }, "broker");
    }
  })();

  const bus: Bus = {
    connection,
    connected: () => connected,
    ping: (service) => connection.request(`$SRV.PING.${service}`, "", { timeout: PING_TIMEOUT_MS }).then(() => true, () => false),
    onReconnect: (run) => void reconnected.push(run),
    forward: (contract, body, ask) => {
      if (!connected) throw new Fault("unavailable", "the message broker is away; try again shortly", { retryAfterS: 1 });
      return forward(connection, contract, body, ask);
    },
    ask: async (contract, input, ask = {}) => {
      const reply = await bus.forward(contract, JSON.stringify(input), ask);
      return contract.output.parse(JSON.parse(reply.json));
    },
    serve: (service, endpoints) => serve(connection, service, endpoints, options.log),
    close: () => connection.drain(),
  };
  return bus;
}

function forward(connection: NatsConnection, contract: Command, body: string, ask: Partial<Ask>): Promise<Reply> {
  const { subject } = contract;
  return inSpan(`ask ${subject}`, { kind: SpanKind.CLIENT, attributes: { "messaging.system": "nats", "messaging.destination.name": subject } }, async () => {
    const deadlineMs = ask.deadlineMs ?? Date.now() + ASK_TIMEOUT_MS;
    const timeout = deadlineMs - Date.now();
    if (timeout <= 0) throw new Fault("timeout", "there was no time left to ask", { retryAfterS: 1 });
    const message = await connection
      .request(subject, body, { timeout, headers: encodeAsk({ ...ask, requestId: ask.requestId ?? randomUUID(), deadlineMs }) })
      .catch((cause: unknown) => unanswered(contract, cause));
    const json = message.string();
    if (message.headers?.get("Nats-Service-Error-Code")) throw Fault.fromBody(FaultOnTheWire.parse(JSON.parse(json)) as FaultBody);
    return new Reply(json, { replayed: message.headers?.get(HEADER.replayed) === "true", next: message.headers?.get(HEADER.next) || undefined });
  });
}

/** A newer service may know codes that we do not: to us they are `internal`. */
const FaultOnTheWire = z.object({
  code: z.enum(FAULT_CODES).catch("internal"),
  detail: z.string(),
  fix: z.string().optional(),
  facts: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  retry_after_s: z.number().optional(),
});

function unanswered({ subject }: Command, cause: unknown): never {
  const code = cause instanceof NatsError ? cause.code : "";
  if (code === String(ErrorCode.NoResponders)) throw new Fault("unavailable", `nobody answers ${subject} at the moment; try again shortly`, { retryAfterS: 1, cause });
  if (code === String(ErrorCode.Timeout)) throw new Fault("timeout", `${subject} was not answered in time: whether it happened is not known; ask again with the same key`, { retryAfterS: 1, cause });
  throw new Fault("unavailable", "the message broker is away; try again shortly", { retryAfterS: 1, cause });
}

async function serve(connection: NatsConnection, service: string, endpoints: readonly Endpoint[], log: Log): Promise<void> {
  const micro = await connection.services.add({ name: service, version: "0.1.0", queue: service });
  let inFlight = 0;
  for (const endpoint of endpoints) {
    const { subject } = endpoint.contract;
    micro.addEndpoint(subject.replaceAll(".", "-"), {
      subject,
      handler: (error, message) => {
        if (error) return log.error({ err: error, subject }, "subscription failed");
        if (inFlight >= IN_FLIGHT_MAX) return refuse(message, new Fault("overloaded", "too many requests are in hand; try again shortly", { retryAfterS: 1 }));
        inFlight++;
        void answer(endpoint, message, log).finally(() => inFlight--);
      },
    });
  }
}

async function answer(endpoint: Endpoint, message: ServiceMsg, log: Log): Promise<void> {
  const { subject } = endpoint.contract;
  const attributes = { "messaging.system": "nats", "messaging.destination.name": subject };
  try {
    const reply = await inSpan(`answer ${subject}`, { kind: SpanKind.SERVER, parent: traceOf(message.headers), attributes }, async () => {
      try {
        return await endpoint.answer(message.data, decodeAsk(message.headers));
      } catch (thrown) {
        const fault = Fault.from(thrown);
        const level = fault.code === "internal" ? "error" : "debug";
        log[level]({ err: fault.more.cause ?? fault, subject, request_id: message.headers?.get(HEADER.request), code: fault.code }, "refused");
        throw fault;
      }
    });
    const headers = natsHeaders();
    if (reply.replayed) headers.set(HEADER.replayed, "true");
    if (reply.next !== undefined) headers.set(HEADER.next, reply.next);
    message.respond(reply.json, { headers });
  } catch (thrown) {
    refuse(message, Fault.from(thrown));
  }
}

function refuse(message: ServiceMsg, fault: Fault): void {
  message.respondError(REFUSED, fault.code, Buffer.from(JSON.stringify(fault.body())));
}

/** Names may hold any character; a header may not. */
function encodeAsk(ask: Partial<Ask> & Pick<Ask, "requestId" | "deadlineMs">): MsgHdrs {
  const headers = natsHeaders();
  for (const [name, value] of Object.entries(traceHeaders())) headers.set(name, value);
  headers.set(HEADER.request, ask.requestId);
  headers.set(HEADER.deadline, String(ask.deadlineMs));
  if (ask.caller !== undefined) headers.set(HEADER.caller, encodeURIComponent(JSON.stringify(ask.caller)));
  if (ask.idempotencyKey !== undefined) headers.set(HEADER.key, encodeURIComponent(ask.idempotencyKey));
  return headers;
}

const CallerOnTheWire = z.object({ sub: z.string().min(1), roles: z.array(z.enum(["user", "service", "admin"])), azp: z.string().optional() });

function decodeAsk(headers: MsgHdrs | undefined): Ask {
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
  const trace: TraceHeaders = {};
  for (const name of ["traceparent", "tracestate"]) {
    const value = headers?.get(name);
    if (value) trace[name] = value;
  }
  return trace;
}
