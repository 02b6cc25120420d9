/** The key under which a POST is done once: bare, or quoted as RFC 8941 writes a string. Services store and replay. */
import { Fault } from "@tollbooth/shared/fault";

const QUOTED = /^"((?:[ !#-[\]-~]|\\["\\])*)"$/;
const KEY = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** The key that the Idempotency-Key headers of a request state, if there is one. Throws `invalid_request`. */
export function idempotencyKey(headers: readonly string[] | undefined): string | undefined {
  const [header, ...more] = headers ?? [];
  if (header === undefined) return undefined;
  const key = more.length === 0 ? unquote(readUtf8(header)) : undefined;
  if (key !== undefined && KEY.test(key)) return key;
  const message = "one key of 1 to 255 characters without control characters, bare or in double quotes";
  throw new Fault("invalid_request", `Idempotency-Key is not valid: ${message}`, {
    errors: [{ path: "Idempotency-Key", message }],
  });
}

/** A quoted key and the same key bare are one key. */
function unquote(text: string | undefined): string | undefined {
  if (text === undefined || !text.startsWith('"')) return text;
  return QUOTED.exec(text)?.[1]?.replaceAll(/\\(["\\])/g, "$1");
}

/** Node gives the bytes of a header as if they were Latin-1; clients mean UTF-8. */
function readUtf8(header: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(header, "latin1"));
  } catch {
    return undefined;
  }
}
