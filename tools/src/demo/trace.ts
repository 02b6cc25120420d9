/** A recorded trace of requests (CSV: TIMESTAMP, ContextTokens, GeneratedTokens), moved so that it ends now. Pure. */
import { parse } from "csv-parse/sync";
import { z } from "zod";
import type { Request } from "./traffic.ts";

const Tokens = z
  .string()
  .regex(/^\d{1,9}$/, "a whole number of tokens")
  .transform(Number);

/** "2023-11-16 18:15:46.6805900": in UTC where no zone is stated, finer than a millisecond. */
const Timestamp = z.string().transform((text, context) => {
  const iso = text.trim().replace(" ", "T");
  const atMs = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(iso) ? iso : `${iso}Z`);
  if (Number.isNaN(atMs)) context.addIssue("a time such as 2023-11-16 18:15:46.680");
  return atMs;
});

const Rows = z
  .array(z.object({ TIMESTAMP: Timestamp, ContextTokens: Tokens, GeneratedTokens: Tokens }))
  .min(1, "the trace is empty");

/** The requests of a trace in order of time, the last of them at `endMs`. Throws where a line cannot be read, naming it. */
export function readTrace(csv: string, endMs: number): Request[] {
  const rows = Rows.safeParse(parse(csv, { bom: true, columns: true, skip_empty_lines: true, trim: true }));
  if (!rows.success) {
    const [issue] = rows.error.issues;
    const [row, column] = issue?.path ?? [];
    const place = typeof row === "number" ? `, request ${row + 1}, ${String(column)}` : "";
    throw new Error(`The trace cannot be read${place}: ${issue?.message}.`);
  }
  const lastMs = rows.data.reduce((last, row) => Math.max(last, row.TIMESTAMP), -Infinity);
  return rows.data
    .map((row) => ({
      atMs: row.TIMESTAMP - lastMs + endMs,
      promptTokens: row.ContextTokens,
      completionTokens: row.GeneratedTokens,
    }))
    .toSorted((a, b) => a.atMs - b.atMs);
}
