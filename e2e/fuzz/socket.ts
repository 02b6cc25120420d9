/** One request as bytes, one answer as it came: what no client of ours would send, and what comes after an answer. */
import { connect } from "node:net";

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** What came after the answer: another one, which nobody asked for. */
  readonly after: string;
}

const ANSWER_WITHIN_MS = 20_000;
const CUT_OFF = new Set(["EPIPE", "ECONNRESET"]);

/** Sends bytes on a connection of their own; answers what came back until it was closed, undefined where nothing did. */
export async function exchange(port: number, bytes: Buffer, isHead: boolean): Promise<RawAnswer | undefined> {
  const got = await new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    const done = (error?: NodeJS.ErrnoException) => {
      // What nobody wants is not read to its end: the connection breaks, with the answer in it or before that.
      if (error === undefined || CUT_OFF.has(error.code ?? "")) resolve(Buffer.concat(chunks));
      else reject(error);
    };
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy(new Error(`no end within ${ANSWER_WITHIN_MS / 1000} s`)));
    socket.on("data", (chunk) => chunks.push(chunk)).once("error", done);
    socket.once("close", () => done());
  });
  return got.length === 0 ? undefined : parsed(got, isHead);
}

const HEAD_END = Buffer.from("\r\n\r\n");

/** Throws where it is no answer of HTTP/1.1. */
function parsed(bytes: Buffer, isHead: boolean): RawAnswer {
  const end = bytes.indexOf(HEAD_END);
  if (end === -1) throw new Error(`no head: ${bytes.toString("latin1").slice(0, 200)}`);
  const [first = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3}) [ -~]*$/.exec(first)?.[1]);
  if (Number.isNaN(status)) throw new Error(`no status: ${first}`);
  const rest = bytes.subarray(end + HEAD_END.length);
  if (status < 200) return parsed(rest, isHead);
  const headers = new Headers(
    lines.map((line) => (/^([^:\s]+): ?(.*)$/.exec(line)?.slice(1) as [string, string] | undefined) ?? ["bad", line]),
  );
  const hasBody = !isHead && status !== 204 && status !== 304;
  const { body, after } = hasBody ? bodyOf(headers, rest) : { body: Buffer.alloc(0), after: rest };
  return { status, headers, text: body.toString("utf8"), after: after.toString("latin1") };
}

function bodyOf(headers: Headers, rest: Buffer): { body: Buffer; after: Buffer } {
  if (headers.get("transfer-encoding") === "chunked") return dechunked(rest);
  const length = Number(headers.get("content-length"));
  if (Number.isNaN(length) || rest.length < length) throw new Error(`${rest.length} bytes came of ${length}`);
  return { body: rest.subarray(0, length), after: rest.subarray(length) };
}

function dechunked(rest: Buffer): { body: Buffer; after: Buffer } {
  const parts: Buffer[] = [];
  let at = 0;
  for (let size = -1; size !== 0;) {
    const line = rest.indexOf("\r\n", at);
    size = Number.parseInt(rest.subarray(at, line).toString("latin1"), 16);
    if (line === -1 || Number.isNaN(size)) throw new Error("the answer breaks off between its parts");
    parts.push(rest.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
  return { body: Buffer.concat(parts), after: rest.subarray(at) };
}
