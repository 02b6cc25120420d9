/** What goes over the broker as an AsyncAPI 3.0 document, made from the contracts and the streams. */
import type { Command, Event } from "@tollbooth/shared/contract";
import { examples } from "@tollbooth/shared/contracts/examples";
import { FAULT_CODES } from "@tollbooth/shared/fault";
import { nameOf, SchemaBook, whoMayAsk, type JsonSchema } from "@tollbooth/shared/document";
import { streams, type Stream } from "@tollbooth/shared/streams";
import { HEADER } from "@tollbooth/shared/wire";

export interface Words {
  /** What each service answers. */
  readonly commands: Readonly<Record<string, readonly Command[]>>;
  /** What each service tells. */
  readonly events: Readonly<Record<string, readonly Event[]>>;
  /** What reporters tell each service. */
  readonly reports: Readonly<Record<string, readonly Event[]>>;
}

/** The parts of a document that grow with each contract. */
interface Parts {
  readonly book: SchemaBook;
  readonly channels: Record<string, JsonSchema>;
  readonly operations: Record<string, JsonSchema>;
}

const ABOUT = `Requests, facts and reports over NATS. Bodies are JSON; all else is in headers.

- A request is answered on its reply subject, after what it did is committed. A refusal has the header \`Nats-Service-Error-Code\`, and its code in the body.
- Facts and reports are kept in JetStream and come at least once: whoever consumes them goes by their id.
- A reporter keeps its event until \`usage.event.outcomes\` says what became of it, and sends it again while that is \`unknown\`.`;

/** The document. A function of its arguments. */
export function asyncapi({ commands, events, reports }: Words): JsonSchema {
  const parts: Parts = { book: new SchemaBook(), channels: {}, operations: {} };
  for (const [tag, all] of Object.entries(commands)) for (const command of all) addCommand(parts, tag, command);
  for (const told of [events, reports])
    for (const [tag, all] of Object.entries(told)) for (const event of all) addEvent(parts, tag, event);
  const { book, channels, operations } = parts;
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Tollbooth",
      version: "0.1.0",
      description: ABOUT,
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    defaultContentType: "application/json",
    servers: { broker: { host: "127.0.0.1:4222", protocol: "nats", description: "NATS with JetStream" } },
    channels,
    operations,
    components: {
      messages: { refusal: REFUSAL },
      messageTraits: { asked: { headers: ASKED_HEADERS }, answered: { headers: ANSWERED_HEADERS } },
      schemas: book.named,
    },
  };
}

function addCommand({ book, channels, operations }: Parts, tag: string, command: Command): void {
  const { subject, summary, access } = command;
  const name = nameOf(subject.replace(".*", ""));
  const answer = `${name}Answer`;
  const shown = examples[subject];
  const isOfOne = subject.endsWith(".*");
  channels[name] = {
    address: subject.replace("*", "{process}"),
    ...(isOfOne && { parameters: { process: { description: "The process that can answer it, as it said itself." } } }),
    messages: {
      request: {
        name: subject,
        traits: [{ $ref: "#/components/messageTraits/asked" }],
        payload: book.of(command.input),
        ...(shown && { examples: [{ payload: shown.input }] }),
      },
    },
  };
  channels[answer] = {
    address: null,
    messages: {
      answer: {
        name: `answer to ${subject}`,
        traits: [{ $ref: "#/components/messageTraits/answered" }],
        payload: book.of(command.output),
        ...(shown && { examples: [{ payload: shown.output }] }),
      },
      refusal: { $ref: "#/components/messages/refusal" },
    },
  };
  const own = command.faults.length === 0 ? "" : ` Refusals of its own: ${command.faults.join(", ")}.`;
  operations[name] = {
    action: "receive",
    channel: { $ref: `#/channels/${name}` },
    summary,
    description: whoMayAsk(access) + own,
    tags: [{ name: tag }],
    messages: [{ $ref: `#/channels/${name}/messages/request` }],
    reply: {
      channel: { $ref: `#/channels/${answer}` },
      messages: ["answer", "refusal"].map((kind) => ({ $ref: `#/channels/${answer}/messages/${kind}` })),
    },
  };
}

function addEvent({ book, channels, operations }: Parts, tag: string, event: Event): void {
  const { subject, summary } = event;
  const isReport = event.kind === "report";
  const name = nameOf(subject.replace(".*", ""));
  const shown = examples[subject];
  channels[name] = {
    address: subject.replace("*", "{source}"),
    ...(isReport && {
      parameters: { source: { description: "The reporter's name; the broker lets no other use it." } },
    }),
    messages: {
      fact: {
        name: subject,
        headers: isReport ? REPORT_HEADERS : FACT_HEADERS,
        payload: book.of(event.data),
        ...(shown && { examples: [{ payload: shown.input }] }),
      },
    },
  };
  operations[name] = {
    action: isReport ? "receive" : "send",
    channel: { $ref: `#/channels/${name}` },
    summary,
    description: isReport ? REPORTED : carriedBy(subject),
    tags: [{ name: tag }],
    messages: [{ $ref: `#/channels/${name}/messages/fact` }],
  };
}

const REPORTED =
  "In the stream USAGE_REPORTS. Its reporter asks `usage.event.outcomes` what became of it, and sends it again while that is `unknown`.";

function carriedBy(subject: string): string {
  const stream = Object.values<Stream>(streams).find(({ subjects }) => subjects.includes(subject));
  const confirmed =
    stream?.confirmedBy === undefined
      ? "done at the broker's acknowledgement"
      : `until the consumer ${stream.confirmedBy.durable} confirms it`;
  return `In the stream ${stream?.name}, ${confirmed}.`;
}

// ---- headers ----------------------------------------------------------------------------------------------

const text = (description: string, more: object = {}) => ({ type: "string", description, ...more });
const TRACE = { traceparent: text("The trace it belongs to (W3C Trace Context)."), tracestate: text("The same.") };

const ASKED_HEADERS = {
  type: "object",
  properties: {
    [HEADER.caller]: text('Who asks, as percent-encoded JSON: {"sub": ..., "roles": [...], "azp": ...}.'),
    [HEADER.request]: text("The id of the request, for logs."),
    [HEADER.deadline]: text("Milliseconds since 1970 after which nobody waits for the answer.", { pattern: "^\\d+$" }),
    [HEADER.key]: text("The key under which it is done once, percent-encoded."),
    ...TRACE,
  },
};
const ANSWERED_HEADERS = {
  type: "object",
  properties: {
    [HEADER.replayed]: text("This is the answer of an earlier request with the same key.", { const: "true" }),
    [HEADER.next]: text("The cursor of the next page, of lists that have one."),
  },
};
const FACT_HEADERS = {
  type: "object",
  description: "CloudEvents 1.0 in NATS' binary mode.",
  properties: {
    "ce-specversion": text("The version of CloudEvents.", { const: "1.0" }),
    "ce-id": text("The fact's id: its consumer goes by it.", { format: "uuid" }),
    "ce-source": text("Who tells it.", { const: "tollbooth" }),
    "ce-type": text("What it is: the subject."),
    "content-type": text("What the body is.", { const: "application/json" }),
    "Nats-Msg-Id": text("By which the stream drops repeats within two minutes."),
    ...TRACE,
  },
  required: ["ce-specversion", "ce-id", "ce-source", "ce-type"],
};
const REPORT_HEADERS = {
  type: "object",
  description: "CloudEvents 1.0 in NATS' binary mode; a report without them has its `event_id` in the body.",
  properties: {
    "ce-id": text("The event's id: a repeat records nothing. `event_id` in the body, if there, is the same."),
    "ce-source": text("Not read: the subject says who reports."),
    "ce-type": text("Not read."),
    "ce-time": text("When it happened, where `occurred_at` does not say it.", { format: "date-time" }),
    ...TRACE,
  },
};

const REFUSAL = {
  name: "refusal",
  summary: "What was asked is refused",
  headers: {
    type: "object",
    properties: {
      "Nats-Service-Error-Code": text("That it is a refusal."),
      "Nats-Service-Error": text("The same code as in the body."),
    },
    required: ["Nats-Service-Error-Code"],
  },
  payload: {
    type: "object",
    properties: {
      code: text("What was refused, for programs.", { enum: [...FAULT_CODES] }),
      detail: text("What was refused, for people."),
      fix: text("What to do about it."),
      facts: { type: "object", additionalProperties: { type: ["string", "number"] } },
      errors: {
        type: "array",
        items: {
          type: "object",
          properties: { path: text("The field, dotted."), message: text("What is wrong with it.") },
          required: ["path", "message"],
        },
      },
      retry_after_s: { type: "number", description: "Seconds after which trying again makes sense." },
    },
    required: ["code", "detail"],
  },
  examples: [{ payload: { code: "not_found", detail: "there is no such user" } }],
};
