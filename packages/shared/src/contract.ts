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
  /** `noun.verb`: the NATS subject that answers it. */
  readonly subject: string;
  readonly summary: string;
  readonly access: Access;
  readonly http?: Route;
  readonly input: I;
  /** Parses to what an asker gets; its input side is what a handler answers. */
  readonly output: O;
  /** The refusals of its own, beyond those that every command has. */
  readonly faults: readonly FaultCode[];
  /** What it names may be guessed: a caller who asks for many that do not exist is slowed down. */
  readonly guessable?: boolean;
  /** Largest request body in bytes, where it is not the usual 100 KB. */
  readonly bodyMaxBytes?: number;
}

/** A past-tense fact that only its owner publishes. It grows by optional fields; readers ignore what they do not know. */
export interface Event<D extends z.ZodType = z.ZodType> {
  readonly kind: "event";
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

/** Declares a fact that a service tells. */
export function event<D extends z.ZodType>(contract: Omit<Event<D>, "kind">): Event<D> {
  return { kind: "event", ...contract };
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

/** Ids, keys and names: 1..255 characters, none of them a control character or half a surrogate pair. */
export const Id = z.string().regex(/^[^\p{Cc}\p{Cs}]{1,255}$/u, "1 to 255 characters without control characters");

/** An event's own id: any text of 1..128 characters that a database can hold. */
export const EventId = z.string().regex(/^[^\0\p{Cs}]{1,128}$/u, "any text of 1 to 128 characters");

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
  );

/** A time on the wire (RFC 3339), in memory milliseconds since 1970. */
export const Instant = z.iso
  .datetime({ offset: true, error: "a time is RFC 3339, such as 2026-01-31T12:00:00Z" })
  .transform((text) => Date.parse(text));

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
    .default(preset);

/** The user a request acts on; without it, the caller. */
export const OnUser = { user_id: Id.optional() };
