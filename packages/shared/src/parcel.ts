/**
 * Facts that wait together travel together: many in one message, as CloudEvents' JSON batch format. Only on streams whose
 * consumer is one of ours (docs/adr/0040); a fact that is alone travels as it always did.
 */
import { z } from "zod";
import { MESSAGE_MAX_BYTES, type Delivery } from "./streams.ts";
import { TRACE_HEADERS, traceIn } from "./telemetry.ts";
import { jsonIn } from "./wire.ts";

/** What a message says of itself when it is a parcel. */
export const PARCEL_TYPE = "application/cloudevents-batch+json";

/** A fact as the outbox holds it: its headers in NATS' binary mode, its data as JSON text. */
export interface Packed {
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string;
}

/** For the brackets, the message's own headers, and what the broker adds. */
const ROOM_BYTES = 2_048;

/** Facts in one message. */
export interface Parcel<P> {
  readonly facts: readonly P[];
  readonly body: string;
}

/** Puts facts of one subject into as few parcels as a message's size allows, in their order. */
export function pack<P extends Packed>(facts: readonly P[]): Parcel<P>[] {
  const packed: { facts: P[]; events: string[] }[] = [];
  let left = 0;
  for (const fact of facts) {
    const event = eventOf(fact);
    const bytes = Buffer.byteLength(event) + 1;
    if (bytes > left || packed.length === 0) {
      packed.push({ facts: [], events: [] });
      left = MESSAGE_MAX_BYTES - ROOM_BYTES;
    }
    packed.at(-1)?.facts.push(fact);
    packed.at(-1)?.events.push(event);
    left -= bytes;
  }
  return packed.map(({ facts: together, events }) => ({ facts: together, body: `[${events.join(",")}]` }));
}

/** A fact in CloudEvents' JSON format. Its data is JSON already and is not read again. */
function eventOf({ headers, payload }: Packed): string {
  const attributes = Object.entries(headers).map(([name, value]) => [attributeOf(name), value]);
  return `${JSON.stringify(Object.fromEntries(attributes)).slice(0, -1)},"data":${payload}}`;
}

function attributeOf(header: string): string {
  return header === "content-type" ? "datacontenttype" : header.replace(/^ce-/, "");
}

const Events = z.array(z.object({ data: z.unknown() }).catchall(z.string()));

/** The facts in a message, each as if it had come alone. A parcel that cannot be read is left as it is. */
export function unpack(message: Delivery): Delivery[] {
  if (message.headers["content-type"] !== PARCEL_TYPE) return [message];
  const read = Events.safeParse(jsonIn(message.data));
  if (!read.success) return [message];
  return read.data.map(({ data, ...attributes }) => {
    const headers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [headerOf(name), value]));
    return {
      ...message,
      headers,
      trace: traceIn((name) => headers[name]),
      json: () => data,
      // Seldom asked for: bytes are what is kept of an event that cannot be applied.
      get data() {
        return Buffer.from(JSON.stringify(data));
      },
    };
  });
}

/** The trace context is no attribute of the event, though it travels as one. */
function headerOf(attribute: string): string {
  if (attribute === "datacontenttype") return "content-type";
  return TRACE_HEADERS.includes(attribute) ? attribute : `ce-${attribute}`;
}
