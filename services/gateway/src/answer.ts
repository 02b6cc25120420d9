/** An answer on its way, and how it leaves. */
import type { ServerResponse } from "node:http";

/** What the rooms of the gateway tell each other of a request. */
export interface Locals {
  requestId: string;
  /** The route as the contract writes it: paths themselves may hold secrets, and are too many to count by. */
  route?: string;
  /** The code of a refusal. */
  code?: string;
}

/** An answer on its way. Express, where a request goes through it, keeps these locals. */
export type Answer = ServerResponse & { locals: Locals };

/** Answers with a text of this media type, which no cache may keep. */
export function send(res: Answer, status: number, type: string, text: string): void {
  res.statusCode = status;
  res.setHeader("Cache-Control", "no-store");
  res.setHeader("Content-Type", `${type}; charset=utf-8`);
  res.setHeader("Content-Length", Buffer.byteLength(text));
  res.end(text);
}
