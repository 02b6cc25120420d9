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
