/** Requests that come at a rate, whether or not those before them were answered: from a process of its own. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "./program.ts";

/** So many a second for so many seconds. */
export interface Phase {
  readonly name: string;
  readonly perSecond: number;
  readonly seconds: number;
}

export interface FloodOrder {
  /** The gateway's, on this machine. */
  readonly port: number;
  /** The token of who asks. */
  readonly token: string;
  /** What is posted, one after the other; `{n}` is the request's number. */
  readonly posts: readonly { readonly path: string; readonly body: string }[];
  readonly phases: readonly Phase[];
}

/** What became of the requests that were due in one second. */
export interface Second {
  readonly phase: string;
  readonly sent: number;
  readonly accepted: number;
  /** 429 or 503, with when to come back. */
  readonly refused: number;
  readonly acceptedP50Ms: number | null;
  readonly acceptedP99Ms: number | null;
  readonly refusedP50Ms: number | null;
  readonly refusedP99Ms: number | null;
}

export interface Flooded {
  readonly seconds: readonly Second[];
  /** Of each request by its number: `a` accepted, `r` refused, `?` neither. */
  readonly outcomes: string;
  /** What was neither: by its status, or by why there was none. */
  readonly others: Readonly<Record<string, number>>;
  /** Connections that were open at once. */
  readonly connections: number;
}

/** The id under which a request is known in the books. */
export const ID = "flood-{n}";

/** Sends a flood; settles when its last request was answered, or will not be. */
export async function flood(folder: string, order: FloodOrder): Promise<Flooded> {
  const file = join(folder, "flood.json");
  await writeFile(file, JSON.stringify(order));
  return runProgram("flood", file);
}
