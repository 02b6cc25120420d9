/** The answering side: requests come in on the contracts' subjects, are put through their endpoints, and are answered. */
import { headers as natsHeaders, type NatsConnection, type ServiceMsg } from "nats";
import { addressOf } from "./contract.ts";
import { Fault } from "./fault.ts";
import type { Endpoint, Reply } from "./handler.ts";
import { InHand } from "./in-hand.ts";
import type { Log } from "./log.ts";
import { answerDuration, requestsInHand, timed } from "./metrics.ts";
import { inSpan, messaging, SpanKind } from "./telemetry.ts";
import { decodeAsk, HEADER, traceOf } from "./wire.ts";

/** Requests in hand at once; one more is refused. */
const IN_HAND_MAX = 5_000;

/** The code of every refusal in the services API; what was refused and why is in the body. */
const REFUSED = 1;

/** Serves the endpoints, sharing the work with other processes of the service. Answers what stops it: no new requests, then those in hand are answered. */
export async function serve(
  connection: NatsConnection,
  service: string,
  endpoints: readonly Endpoint[],
  log: Log,
): Promise<() => Promise<void>> {
  const micro = await connection.services.add({ name: service, version: "0.1.0", queue: service });
  const inHand = new InHand(IN_HAND_MAX);
  const unwatch = requestsInHand.watch(() => [{ labels: { service }, value: inHand.count }]);
  for (const endpoint of endpoints) {
    const subject = addressOf(endpoint.contract);
    micro.addEndpoint(subject.replaceAll(".", "-"), {
      subject,
      handler: (error, message) => {
        if (error) return log.error({ err: error, subject }, "subscription failed");
        if (inHand.isFull)
          return refuse(
            message,
            new Fault("overloaded", "too many requests are in hand; try again shortly", { retryAfterS: 1 }),
          );
        const answered = answer(endpoint, message, log);
        void inHand.hold(answered.catch((failed: unknown) => log.error({ err: failed, subject }, "could not answer")));
      },
    });
  }
  return async () => {
    unwatch();
    await micro.stop();
    await inHand.ended();
  };
}

async function answer(endpoint: Endpoint, message: ServiceMsg, log: Log): Promise<void> {
  const { subject } = endpoint.contract;
  const attributes = messaging("answer", "process", subject);
  const span = { kind: SpanKind.SERVER, parent: traceOf(message.headers), attributes };
  try {
    const reply = () => timed(answerDuration, subject, () => logged(endpoint, message, log));
    respond(message, await inSpan(`answer ${subject}`, span, reply));
  } catch (thrown) {
    refuse(message, Fault.from(thrown));
  }
}

async function logged(endpoint: Endpoint, message: ServiceMsg, log: Log): Promise<Reply> {
  const facts = { subject: endpoint.contract.subject, request_id: message.headers?.get(HEADER.request) };
  try {
    const reply = await endpoint.answer(message.data, decodeAsk(message.headers));
    log.debug(facts, "answered");
    return reply;
  } catch (thrown) {
    const fault = Fault.from(thrown);
    const { code } = fault;
    log[code === "internal" ? "error" : "debug"]({ ...facts, code, err: fault.more.cause ?? fault }, "refused");
    throw fault;
  }
}

function respond(message: ServiceMsg, reply: Reply): void {
  const headers = natsHeaders();
  if (reply.replayed) headers.set(HEADER.replayed, "true");
  if (reply.next !== undefined) headers.set(HEADER.next, reply.next);
  message.respond(reply.json, { headers });
}

function refuse(message: ServiceMsg, fault: Fault): void {
  message.respondError(REFUSED, fault.code, Buffer.from(JSON.stringify(fault.body())));
}
