/** What an operator does with reports that usage could not record. */
import { z } from "zod";
import { command, Count, Instant } from "../contract.ts";

export const listDeadLetters = command({
  subject: "usage.dead-letters.list",
  summary: "Reports that could not be read or priced and wait to be driven again, oldest first",
  access: "internal",
  input: z.strictObject({
    limit: Count(1, 500, 50),
    after: z
      .string()
      .regex(/^\d{1,18}$/)
      .optional(),
  }),
  output: z.array(
    z.object({
      id: z.string(),
      stream: z.string(),
      seq: z.string(),
      subject: z.string(),
      reason: z.string(),
      body: z.string(),
      at: Instant,
    }),
  ),
  faults: [],
});

export const redriveDeadLetters = command({
  subject: "usage.dead-letters.redrive",
  summary: "Records dead letters as if they came now, without the age limit; one answer per id, in the order asked",
  access: "internal",
  input: z.strictObject({
    ids: z
      .array(z.string().regex(/^\d{1,18}$/))
      .min(1)
      .max(500),
  }),
  output: z.array(
    z.object({
      id: z.string(),
      status: z.enum(["recorded", "duplicate", "refused", "unknown"]),
      detail: z.string().optional(),
    }),
  ),
  faults: [],
});
