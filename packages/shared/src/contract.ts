/**
 * A contract is one exported value. The gateway's route, the NATS endpoint, the client's types and the documents
 * are all read from it, so they cannot disagree.
 */
import { z } from "zod";
import type { FaultCode } from "./fault.ts";

export type Role = "user" | "service" | "admin";

/**
 * Who may ask. `public`: anybody, with or without a token. `internal`: our own services and reporters, by the
 * broker's permissions; there is no caller to check. An admin may ask whatever any role may.
 */
export type Access = readonly Role[] | "public" | "internal";

/** Where the gateway serves a command, below /api/v1/credits; `{name}` takes a path segment. */
export interface Route {
  readonly method: "get" | "post" | "delete";
  readonly path: string;
}

export interface Command<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly kind: "command";
  /** `noun.verb`: the NATS subject that answers it. `*` stands for the one process that can. */
  readonly subject: string;
  /** That process, where the subject has a place for it. */
  readonly process?: string;
  readonly summary: string;
  readonly access: Access;
  readonly http?: Route;
  readonly input: I;
  /** Parses to what an asker gets; its input side is what a handler answers. */
  readonly output: O;
  /** The refusals of its own, beyond those that every command has. */
  readonly faults: readonly FaultCode[];
  /** What it names may be guessed: who asks for many that do not exist is slowed down, but for admins. */
  readonly guessable?: boolean;
  /** Largest request body in bytes, where it is not the usual 100 KB. */
  readonly bodyMaxBytes?: number;
}

/** A past-tense fact that only its owner publishes. It grows by optional fields; readers ignore what they do not know. */
export interface Event<D extends z.ZodType = z.ZodType> {
  /** A report is what somebody outside tells a service, on a subject of its own: `*` stands for the reporter's name. */
  readonly kind: "event" | "report";
  readonly subject: string;
  readonly summary: string;
  readonly data: D;
}

/** Declares what can be asked of a service. */
export function command<I extends z.ZodType, O extends z.ZodType>(
  contract: Omit<Command<I, O>, "kind">,
): Command<I, O> {
  return { kind: "command", ...contract };
}

/** The same command, answered by this process of its service and no other. */
export function answeredBy<C extends Command>(contract: C, process: string): C {
  return { ...contract, process };
}

/** The subject on the wire. */
export function addressOf({ subject, process }: Command): string {
  return process === undefined ? subject : subject.replace("*", process);
}

/** Declares a fact that a service tells. */
export function event<D extends z.ZodType>(contract: Omit<Event<D>, "kind">): Event<D> {
  return { kind: "event", ...contract };
}

/** Declares what reporters tell a service. */
export function report<D extends z.ZodType>(contract: Omit<Event<D>, "kind">): Event<D> {
  return { kind: "report", ...contract };
}

/** Who asks: the user named by the token, what he may be, and the application that holds the token. */
export interface Caller {
  readonly sub: string;
  readonly roles: readonly Role[];
  readonly azp?: string;
}

/** What another service or the gateway tells with a request. */
export interface Ask {
  readonly caller?: Caller;
  readonly requestId: string;
  /** Milliseconds since 1970 after which nobody waits for the answer any more. */
  readonly deadlineMs: number;
  readonly idempotencyKey?: string;
}

// ---- the words that many contracts share -----------------------------------------------------------------
// `wire` says in JSON Schema what a schema takes or gives, where checks and transforms would hide it from the documents.

/** For what hangs on several fields: it is looked at only where each of them was good, since others were not made values of. */
export const isSound = ({ issues }: z.core.ParsePayload): boolean => issues.length === 0;

/** Ids, keys and names: 1..255 characters, none of them a control character or half a surrogate pair. */
export const Id = z
  .string()
  .regex(/^[^\p{Cc}\p{Cs}]{1,255}$/u, "1 to 255 characters without control characters")
  .meta({
    id: "Id",
    description: "1 to 255 characters without control characters.",
    wire: { type: "string", minLength: 1, maxLength: 255, pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]+$" },
  });

/** An event's own id: any text of 1..128 characters that a database can hold. */
export const EventId = z
  .string()
  .regex(/^[^\0\p{Cs}]{1,128}$/u, "any text of 1 to 128 characters")
  .meta({
    id: "EventId",
    description: "Any text of 1 to 128 characters.",
    wire: { type: "string", minLength: 1, maxLength: 128, pattern: "^[^\\u0000]+$" },
  });

/** Free text for people. */
export const Text = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[^\p{Cs}\0]*$/u, "text without U+0000");

const METADATA_MAX_BYTES = 4096;

/** What a caller wants kept with a thing: an object of at most 4 KB. */
export const Metadata = z
  .record(z.string(), z.json())
  .refine(
    (value) => Buffer.byteLength(JSON.stringify(value)) <= METADATA_MAX_BYTES,
    "metadata is an object of at most 4 KB",
  )
  .meta({
    id: "Metadata",
    description: "What is kept with a thing: an object of at most 4 KB as JSON.",
    wire: { type: "object", maxProperties: METADATA_MAX_BYTES / 4, additionalProperties: true },
  });

/** The metadata of a thing as it is answered. */
export const KeptMetadata = z.record(z.string(), z.json()).meta({ wire: Metadata });

const INSTANT_MAX_CHARS = 64;

/** A time as a request may state it (RFC 3339), in memory milliseconds since 1970. */
export const Instant = z.iso
  .datetime({ offset: true, error: "a time is RFC 3339, such as 2026-01-31T12:00:00Z" })
  .max(INSTANT_MAX_CHARS)
  .transform((text) => Date.parse(text))
  .meta({
    id: "Instant",
    description: "A time: RFC 3339 with an offset.",
    wire: { type: "string", format: "date-time", maxLength: INSTANT_MAX_CHARS, examples: ["2026-01-31T12:00:00Z"] },
  });

/** A time as we tell it: RFC 3339 UTC. In memory milliseconds since 1970. */
export const Moment = z.iso
  .datetime()
  .transform((text) => Date.parse(text))
  .meta({
    id: "Moment",
    description: "A time: RFC 3339 in UTC, to the millisecond.",
    wire: {
      type: "string",
      format: "date-time",
      pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$",
      examples: ["2026-01-31T12:00:00.000Z"],
    },
  });

/** A time that we print: RFC 3339 UTC. */
export function printInstant(ms: number): string {
  return new Date(ms).toISOString();
}

/** A count that may come as a digit string, since queries have no numbers. */
export const Count = (min: number, max: number, preset: number) =>
  z
    .union(
      [
        z.number().int(),
        z
          .string()
          .regex(/^\d{1,9}$/)
          .transform(Number),
      ],
      { error: `a whole number from ${min} to ${max}` },
    )
    .refine((n) => n >= min && n <= max, `must be from ${min} to ${max}`)
    .default(preset)
    .meta({ wire: { type: "integer", minimum: min, maximum: max, default: preset } });

/** A page of a list: so many items from an offset, or on from the page before. */
export const Page = (preset: number) => ({
  limit: Count(1, 500, preset).describe("Most items of the page."),
  offset: Count(0, 10_000, 0).describe("How many items are passed over; beyond 10,000 the cursor goes on."),
  cursor: z
    .string()
    .regex(/^\d{1,18}$/, "a cursor is taken from the Link header of the page before")
    .meta({ maxLength: 18 })
    .optional()
    .describe("Where the page begins: from the Link header of the page before."),
});

/** The user a request acts on; without it, the caller. */
export const OnUser = { user_id: Id.optional().describe("Whose account it acts on; without it the caller's.") };
