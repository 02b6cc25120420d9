/** The broker's request/reply side, and the one connection of a process: a service answers its contracts, others ask. */
import { randomUUID } from "node:crypto";
import { connect, ErrorCode, Events, NatsError, RequestStrategy, type NatsConnection } from "nats";
import type { z } from "zod";
import { addressOf, type Ask, type Command } from "./contract.ts";
import { Fault } from "./fault.ts";
import type { Endpoint, Reply } from "./handler.ts";
import type { Log } from "./log.ts";
import { askDuration, brokerErrors, timed } from "./metrics.ts";
import { credentials, credentialsIn, isInbox } from "./nkeys.ts";
import { serve } from "./serve.ts";
import { inSpan, messaging, SpanKind } from "./telemetry.ts";
import { ASK_TIMEOUT_MS, decodeReply, encodeAsk } from "./wire.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_WAIT_MS = 250;
const PING_TIMEOUT_MS = 1_000;

export interface Bus {
  /** Asks a service. Throws the Fault it answered; `unavailable` where nobody answers, `timeout` where the outcome is unknown. */
  ask<I extends z.ZodType, O extends z.ZodType>(
    contract: Command<I, O>,
    input: z.input<I>,
    ask?: Partial<Ask>,
  ): Promise<z.output<O>>;
  /** The same with bodies as they are: what the gateway does. */
  forward(contract: Command, body: string, ask: Partial<Ask>): Promise<Reply>;
  /** Answers the endpoints' subjects, sharing them with other processes of the same service. */
  serve(service: string, endpoints: readonly Endpoint[]): Promise<void>;
  connected(): boolean;
  /** Whether so many processes of the service answer within a second; one, where it is not said. */
  ping(service: string, processes?: number): Promise<boolean>;
  /** Runs after every reconnect. */
  onReconnect(run: () => void): void;
  /** Asks the broker. Throws `unavailable` while it is away, and `timeout` as soon as it goes: its answer goes with it. */
  whileConnected<T>(ask: () => Promise<T>): Promise<T>;
  /** The connection itself, for streams.ts alone. */
  readonly connection: NatsConnection;
  /** Answers what is in hand, then leaves. */
  close(): Promise<void>;
}

export interface BusOptions {
  readonly url: string;
  /** The process, and the broker's user that it is. */
  readonly name: string;
  /** The folder with its user's seed; without it the broker has to take anybody. */
  readonly keys?: string | undefined;
  readonly log: Log;
}

/** Connects; keeps trying for ever once connected, because a broker that is away comes back. */
export async function openBus(options: BusOptions): Promise<Bus> {
  const { url, name, keys } = options;
  const connection = await connect({
    servers: url.split(","),
    name: `tollbooth-${name}`,
    ...(keys === undefined ? credentialsIn(url) : credentials(keys, name)),
    timeout: CONNECT_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    pingInterval: 5_000,
    maxPingOut: 2,
    // A broker that got our new key later than we did takes us in the end.
    ignoreAuthErrorAbort: true,
    // Else every request makes an Error of its own for its stack: a tenth of what a request costs the gateway.
    noAsyncTraces: true,
  }).catch((cause: Error) => {
    throw new Error(`the message broker at NATS_URL does not answer: ${cause.message}`, { cause });
  });
  const link = watch(connection, options.log);
  const served: (() => Promise<void>)[] = [];
  const bus: Bus = {
    connection,
    connected: () => link.connected,
    ping: (service, processes = 1) => ping(connection, service, processes).catch(() => false),
    onReconnect: (run) => void link.reconnected.push(run),
    whileConnected: (ask) => whileConnected(link, ask),
    forward: (contract, body, ask) => timed(askDuration, contract.subject, () => forward(bus, contract, body, ask)),
    ask: async (contract, input, ask = {}) => {
      const reply = await bus.forward(contract, JSON.stringify(input), ask);
      return contract.output.parse(JSON.parse(reply.json));
    },
    serve: async (service, endpoints) => void served.push(await serve(connection, service, endpoints, options.log)),
    close: async () => {
      await Promise.all(served.map((stop) => stop()));
      await connection.drain();
    },
  };
  return bus;
}

async function ping(connection: NatsConnection, service: string, processes: number): Promise<boolean> {
  const wanted = { strategy: RequestStrategy.Count, maxMessages: processes, maxWait: PING_TIMEOUT_MS };
  let answers = 0;
  for await (const _ of await connection.requestMany(`$SRV.PING.${service}`, "", wanted)) answers++;
  return answers >= processes;
}

interface Link {
  connected: boolean;
  readonly reconnected: (() => void)[];
  /** Gives up the questions that wait for an answer. */
  readonly waiting: Set<() => void>;
}

/** Follows the connection's state. */
function watch(connection: NatsConnection, log: Log): Link {
  const link: Link = { connected: true, reconnected: [], waiting: new Set() };
  void (async () => {
    for await (const { type, data, permissionContext } of connection.status()) {
      if (type === Events.Error) complain(log, data as string, permissionContext);
      if (type !== Events.Disconnect && type !== Events.Reconnect) continue;
      link.connected = type === Events.Reconnect;
      log.warn({ status: type }, "broker");
      for (const run of link.connected ? link.reconnected : link.waiting) run();
    }
  })();
  return link;
}

function complain(log: Log, code: string, refused: { operation: string; subject: string } | undefined): void {
  // An answer may be given on the connection of its question only. One that outlived it reaches nobody who still waits.
  if (refused?.operation === "publish" && isInbox(refused.subject)) return log.warn(refused, "an answer came too late");
  brokerErrors.inc({ code });
  log.error({ code, ...refused }, "the broker refused");
}

function whileConnected<T>(link: Link, ask: () => Promise<T>): Promise<T> {
  if (!link.connected) return Promise.reject(away());
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new Fault("timeout", "the message broker went away", { retryAfterS: 1 }));
    link.waiting.add(giveUp);
    void ask()
      .then(resolve, reject)
      .finally(() => link.waiting.delete(giveUp));
  });
}

function away(cause?: unknown): Fault {
  return new Fault("unavailable", "the message broker is away; try again shortly", { retryAfterS: 1, cause });
}

function forward(bus: Bus, contract: Command, body: string, ask: Partial<Ask>): Promise<Reply> {
  const { subject } = contract;
  const attributes = messaging("ask", "send", subject);
  return inSpan(`ask ${subject}`, { kind: SpanKind.CLIENT, attributes }, async () => {
    const deadlineMs = ask.deadlineMs ?? Date.now() + ASK_TIMEOUT_MS;
    const timeout = deadlineMs - Date.now();
    if (timeout <= 0) throw new Fault("timeout", "there was no time left to ask", { retryAfterS: 1 });
    const headers = encodeAsk({ ...ask, requestId: ask.requestId ?? randomUUID(), deadlineMs });
    await endOfTurn();
    const message = await bus
      .whileConnected(() => bus.connection.request(addressOf(contract), body, { timeout, headers }))
      .catch((cause: unknown) => unanswered(contract, cause));
    return decodeReply(message);
  });
}

let turn: Promise<void> | undefined;

/** Questions of one turn of the event loop leave together: one write for the client, one read for the broker. */
function endOfTurn(): Promise<void> {
  turn ??= new Promise((resolve) => {
    setImmediate(() => {
      turn = undefined;
      resolve();
    });
  });
  return turn;
}

function unanswered({ subject }: Command, cause: unknown): never {
  const isCode = (code: string) => (cause instanceof NatsError || cause instanceof Fault) && cause.code === code;
  if (isCode(ErrorCode.NoResponders))
    throw new Fault("unavailable", `nobody answers ${subject} at the moment; try again shortly`, {
      retryAfterS: 1,
      cause,
    });
  if (isCode(ErrorCode.Timeout) || isCode("timeout"))
    throw new Fault(
      "timeout",
      `${subject} was not answered in time: whether it happened is not known; ask again with the same key`,
      { retryAfterS: 1, cause },
    );
  if (isCode(ErrorCode.PermissionsViolation)) throw new Fault("internal", `we may not ask ${subject}`, { cause });
  throw away(cause);
}
