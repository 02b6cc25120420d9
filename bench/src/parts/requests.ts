/** Requests over HTTP, as many as are answered, from a process of its own. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "./program.ts";

/** What is asked, on and on. */
export interface Target {
  readonly name: string;
  readonly url: string;
  /** autocannon's words for what is sent, one after the other. */
  readonly requests: readonly object[];
  readonly connections?: number;
  /** Events in one request. */
  readonly events?: number;
  /** Requests a second; without it as many as are answered. */
  readonly perSecond?: number;
}

export interface Result {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

export const JSON_TYPE = { "content-type": "application/json" };
export const CONNECTIONS = 64;

/** Asks for so many seconds. Throws where an answer was none: what is refused is quick, and says nothing. */
export async function load(folder: string, target: Target, seconds: number): Promise<Result> {
  const { url, requests, connections = CONNECTIONS, perSecond: overallRate } = target;
  const file = join(folder, "load.json");
  await writeFile(file, JSON.stringify({ url, requests, connections, overallRate, duration: seconds }));
  const result = await runProgram<Result>("load", file);
  if (result.failed > 0) throw new Error(`${result.failed} requests to ${url} failed: their number says nothing`);
  return result;
}

/** A GET of whoever has the token. */
export function get(token: string): object {
  return { method: "GET", headers: { authorization: `Bearer ${token}` } };
}

/** A POST of whoever has the token. */
export function post(token: string, body: object): object {
  const headers = { ...JSON_TYPE, authorization: `Bearer ${token}` };
  return { method: "POST", headers, body: JSON.stringify(body) };
}
