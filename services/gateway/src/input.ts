/** What a request states, as the JSON text that its service parses: the body as it is, or the query as an object. */
import express from "express";
import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { Fault } from "@tollbooth/shared/fault";

/** Reads bodies of at most so many bytes. The text is not parsed here: one parser cannot disagree with itself. */
export function bodyReader(bodyMaxBytes: number): (req: IncomingMessage, res: ServerResponse) => Promise<string> {
  const read = promisify<IncomingMessage, ServerResponse>(express.raw({ limit: bodyMaxBytes, type: () => true }));
  return async (req: IncomingMessage & { body?: unknown }, res) => {
    await read(req, res).catch((cause: unknown) => refuse(cause, bodyMaxBytes));
    const { body } = req;
    if (!Buffer.isBuffer(body) || body.length === 0) return "";
    if (!isJson(req.headers["content-type"])) {
      throw new Fault("unsupported_media_type", "the body must be application/json in UTF-8", {
        fix: "send `Content-Type: application/json`",
      });
    }
    return decode(body);
  };
}

/** The query and the path's parameters as one object of texts. Throws `invalid_request` where a name comes twice. */
export function queryInput(req: IncomingMessage, params: Readonly<Record<string, string>>): string {
  const query = queryOf(req);
  const values = new Map(Object.entries(params));
  for (const [name, value] of query) {
    if (values.has(name)) throw invalid(name, "is given more than once");
    values.set(name, value);
  }
  return JSON.stringify(Object.fromEntries(values));
}

/** The query of a request. Throws `invalid_request` where it is not percent-encoded UTF-8. */
export function queryOf({ url = "" }: IncomingMessage): URLSearchParams {
  const mark = url.indexOf("?");
  const text = mark === -1 ? "" : url.slice(mark + 1);
  try {
    // URLSearchParams would quietly put U+FFFD in the place of what cannot be decoded.
    decodeURIComponent(text);
  } catch {
    throw invalid("", "the query is not percent-encoded UTF-8");
  }
  return new URLSearchParams(text);
}

/** The path of a request as it was sent. */
export function pathOf({ url = "" }: IncomingMessage): string {
  const mark = url.indexOf("?");
  return mark === -1 ? url : url.slice(0, mark);
}

function refuse(cause: unknown, bodyMaxBytes: number): never {
  const { type, status } = cause as { type?: string; status?: number };
  if (type === "entity.too.large") throw new Fault("payload_too_large", `the body may have ${bodyMaxBytes} bytes`);
  if (type === "encoding.unsupported")
    throw new Fault("unsupported_media_type", "the Content-Encoding is not one of gzip, deflate, br");
  if (status === 400) throw new Fault("malformed_json", "the body could not be read to its end", { cause });
  throw cause;
}

function isJson(contentType = ""): boolean {
  return /^application\/json *(;|$)/i.test(contentType) && !/charset=(?!"?utf-8\b)/i.test(contentType);
}

/** The text of a body. Throws `malformed_json` where it is not UTF-8. */
export function decode(body: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch (cause) {
    throw new Fault("malformed_json", "the body is not UTF-8", { cause });
  }
}

function invalid(path: string, message: string): Fault {
  return new Fault("invalid_request", `the request is not valid: ${path || "the query"}: ${message}`, {
    errors: [{ path, message }],
  });
}
