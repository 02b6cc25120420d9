/** A report from the stream: CloudEvents 1.0 in NATS' binary mode, or plain JSON with an event_id. Nothing in it is believed unread. */
import { EventId, Id } from "@tollbooth/shared/contract";
import { usageReported } from "@tollbooth/shared/contracts/usage";
import { Fault } from "@tollbooth/shared/fault";
import { parseInput, readJson } from "@tollbooth/shared/handler";
import type { Delivery } from "@tollbooth/shared/streams";
import { traceHeaders } from "@tollbooth/shared/telemetry";
import { z } from "zod";
import { reportHash, type Reported } from "./event.ts";
import type { Identity } from "./store.ts";
import type { Tracker } from "./tracker.ts";

export type Message = Pick<Delivery, "subject" | "headers" | "data" | "storedAtMs">;

/** What a message reports. Its reporter is the subject's last token, which the broker lets nobody else use. Throws Faults. */
export function readReport(message: Message): Omit<Reported, "id" | "trace" | "anyAge"> {
  const report = parseInput(usageReported.data, readJson(message.data));
  const source = sourceOf(message);
  const eventId = eventIdOf(message, report.event_id);
  if (eventId === undefined) throw wrong("event_id", "is needed, or the header ce-id");
  if (report.source !== undefined && report.source !== source) throw wrong("source", `is ${source}, by the subject`);
  return {
    userId: report.user_id,
    source,
    eventId,
    report,
    hash: reportHash(report),
    occurredAt: report.occurred_at ?? timeOf(message) ?? message.storedAtMs,
    receivedAt: message.storedAtMs,
    trusted: true,
  };
}

/** Records a report, once. Resolves when it is committed; throws its refusal. */
export async function applyReport(tracker: Tracker, newId: () => string, message: Message): Promise<void> {
  await tracker.one({
    reports: [{ ...readReport(message), id: newId(), trace: traceHeaders(), anyAge: false }],
    keyed: undefined,
  });
}

const Named = z.object({ user_id: Id, event_id: EventId.optional() });

/** Which event a message is about, if that much can be read of it. */
export function identityIn(message: Message): Identity | undefined {
  try {
    const named = Named.parse(readJson(message.data));
    const eventId = eventIdOf(message, named.event_id);
    return eventId === undefined ? undefined : { userId: named.user_id, source: sourceOf(message), eventId };
  } catch (error) {
    if (error instanceof Fault || error instanceof z.ZodError) return undefined;
    throw error;
  }
}

function sourceOf({ subject }: Message): string {
  return subject.slice(subject.lastIndexOf(".") + 1);
}

function eventIdOf({ headers }: Message, stated: string | undefined): string | undefined {
  const header = headers["ce-id"];
  if (header === undefined || header === "") return stated;
  const id = parseInput(EventId, decoded(header));
  if (stated !== undefined && stated !== id) throw wrong("event_id", "is not the header ce-id");
  return id;
}

/** The moment that the envelope tells. It is no content: a reporter that stamps each sending anew still repeats the same event. */
function timeOf({ headers }: Message): number | undefined {
  const header = headers["ce-time"];
  if (header === undefined || header === "") return undefined;
  const at = Date.parse(decoded(header));
  if (Number.isNaN(at)) throw wrong("ce-time", "is not a time of RFC 3339");
  return at;
}

/** Header values are percent-encoded by the binding's rules; one that cannot be decoded was not. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function wrong(path: string, message: string): Fault {
  return new Fault("invalid_request", `the report is not valid: ${path} ${message}`, { errors: [{ path, message }] });
}
