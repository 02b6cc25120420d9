/** A request before it leaves, and the bytes that it leaves as. */
import type { Cast, Who } from "./cast.ts";
import type { Operation } from "./operations.ts";

export interface Draft {
  readonly operation: Operation;
  readonly who: Who;
  readonly method: string;
  /** Path and query as they stand in the first line. */
  readonly target: string;
  /** Names and values as bytes, each byte a character. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer | undefined;
  /** What its body says, where it is JSON of ours. */
  readonly said: unknown;
  /** In which ways it was broken; `plain`, `edge` or `example` where it was not. */
  readonly ways: readonly string[];
  /** Its token is none, or not ours. */
  readonly isForged: boolean;
  /** It may be no HTTP at all. */
  readonly isBare: boolean;
}

/** A way to break a request. */
export interface Breakage {
  /** Said in reports. */
  readonly way: string;
  /** Breaks it; the number chooses among what the way has to choose from. */
  apply(draft: Draft, n: number, cast: Cast): Draft;
}

/** One of a list, by any number. */
export function at<T>(list: readonly T[], n: number): T {
  return list[n % list.length] as T;
}

/** The value of a Host that is not sent at all. */
export const NO_HOST = "none";

/** The bytes that leave. The connection is for this one request, so that whatever comes after its answer is seen. */
export function bytesOf({ method, target, headers, body, isBare }: Draft): Buffer {
  const own = new Set(headers.map(([name]) => name.toLowerCase()));
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(own.has("host") ? [] : ["host: fuzz"]),
    ...(own.has("connection") ? [] : ["connection: close"]),
    ...headers.filter(([, value]) => value !== NO_HOST).map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined || own.has("content-length") || own.has("transfer-encoding")
      ? []
      : [`content-length: ${body.length}`]),
  ];
  const isInParts = !isBare && headers.some(([name, value]) => name === "transfer-encoding" && value === "chunked");
  const sent = isInParts ? inParts(body) : body;
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), sent ?? Buffer.alloc(0)]);
}

/** A body as clients send it that do not know its length. */
function inParts(body: Buffer = Buffer.alloc(0)): Buffer {
  const end = Buffer.from("0\r\n\r\n");
  if (body.length === 0) return end;
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n"), end]);
}

const SHOWN_CHARS = 1_500;

/** A request for people: its beginning, as it left. */
export function shown(one: Draft): string {
  const text = bytesOf(one).toString("latin1");
  const rest = text.length > SHOWN_CHARS ? ` ... ${text.length} bytes` : "";
  return `${one.who} (${one.ways.join(", ")}): ${JSON.stringify(text.slice(0, SHOWN_CHARS))}${rest}`;
}
