/** Keys of the fake OpenRouter that a platform under test asks. */
import { randomUUID } from "node:crypto";
import { inject } from "vitest";

/** A key that nobody had before; the words say what the fake OpenRouter makes of it. */
export function newKey(...words: string[]): string {
  return ["sk-or-v1", ...words, randomUUID()].join("-");
}

/** OpenRouter no longer takes a key that was good. */
export async function revoke(key: string, url = inject("platform").openRouterUrl): Promise<void> {
  const answer = await fetch(`${url}/key`, { method: "DELETE", headers: { authorization: `Bearer ${key}` } });
  if (!answer.ok) throw new Error(`the fake OpenRouter answers ${answer.status}`);
}

/** What a browser is sent back with. */
export interface SentBack {
  readonly address: URL;
  readonly code: string;
  readonly state: string;
}

/** Agrees at OpenRouter's page, as a user's browser does; the word gets into the code and its key. */
export async function agree(page: string, word = "plain"): Promise<SentBack> {
  const answer = await fetch(`${page}&word=${word}`, { redirect: "manual" });
  const address = new URL(answer.headers.get("location") ?? "");
  const [code = "", state = ""] = ["code", "state"].map((name) => address.searchParams.get(name) ?? "");
  return { address, code, state };
}
