/** What an operator does with messages that a service could not apply. */
import { z } from "zod";
import { command, Count, Moment } from "../contract.ts";

/** A dead letter's number in its service. */
const LetterId = z.string().regex(/^\d{1,18}$/);
/** Who put a letter away, or why. */
const Words = z.string().trim().min(1).max(500);

export const DeadLetters = z.array(
  z.object({
    id: z.string(),
    stream: z.string(),
    seq: z.string(),
    subject: z.string(),
    headers: z.record(z.string(), z.string()),
    reason: z.string(),
    body: z.string(),
    at: Moment,
  }),
);

function list(service: string, summary: string) {
  return command({
    subject: `${service}.dead-letters.list`,
    summary,
    access: "internal",
    input: z.strictObject({ limit: Count(1, 500, 50), after: LetterId.optional() }),
    output: DeadLetters,
    faults: [],
  });
}

function redrive(service: string, summary: string) {
  return command({
    subject: `${service}.dead-letters.redrive`,
    summary: `${summary}; one answer per id, in the order asked`,
    access: "internal",
    input: z.strictObject({ ids: z.array(LetterId).min(1).max(500) }),
    output: z.array(
      z.object({
        id: z.string(),
        status: z.enum(["recorded", "duplicate", "refused", "unknown"]),
        detail: z.string().optional(),
      }),
    ),
    faults: [],
  });
}

function discard(service: string, summary: string) {
  return command({
    subject: `${service}.dead-letters.discard`,
    summary: `${summary}; one answer per id, in the order asked`,
    access: "internal",
    input: z.strictObject({ ids: z.array(LetterId).min(1).max(500), by: Words, reason: Words }),
    output: z.array(z.object({ id: z.string(), status: z.enum(["discarded", "unknown"]) })),
    faults: [],
  });
}

export const listDeadLetters = list(
  "usage",
  "Reports that could not be read or priced and wait to be driven again, oldest first",
);
export const redriveDeadLetters = redrive("usage", "Records dead letters as if they came now, without the age limit");
export const discardDeadLetters = discard("usage", "Puts reports away that can never be recorded, with who and why");

export const listDeadCharges = list(
  "credits",
  "Charges that could not be posted and wait to be driven again, oldest first",
);
export const redriveDeadCharges = redrive("credits", "Posts dead letters as if they came now");
export const discardDeadCharges = discard("credits", "Puts events away that can never be posted, with who and why");
