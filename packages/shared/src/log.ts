/** JSON logs with trace ids. What looks like a secret is removed before it is written, wherever it stands. */
import { pino, type Logger } from "pino";
import { traceId } from "./telemetry.ts";

export type Log = Logger;

const SECRET_FIELDS = ["password", "secret", "token", "api_key", "authorization", "cookie", "url"];
const SECRET_TEXT = /sk-[A-Za-z0-9_-]{8,}|[Bb]earer\s+[A-Za-z0-9._~+/-]+=*|(?<=:\/\/[^:@/\s]+:)[^@/\s]+(?=@)/g;

/** Removes keys, bearer tokens and passwords of URLs from a text. */
export function scrub(text: string): string {
  return text.replaceAll(SECRET_TEXT, "[redacted]");
}

/** The logger of a service: one JSON line per event on stdout. */
export function openLog(service: string, level: string): Log {
  return pino({
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: "[redacted]" },
    mixin: () => {
      const id = traceId();
      return id === undefined ? {} : { trace_id: id };
    },
    hooks: { streamWrite: scrub },
  });
}
