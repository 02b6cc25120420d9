/** How the fake OpenRouter lets users make keys for others: its page sends them back with a code, which is good for a key once. */
import { hash, randomUUID } from "node:crypto";

/** Codes that were given and not used. */
export class FakeCodes {
  readonly #challenges = new Map<string, string>();

  /** Where the page sends the browser; undefined where it was not asked well. A `word` gets into the code and its key. */
  give(query: URLSearchParams): string | undefined {
    const [callback, challenge] = [query.get("callback_url") ?? "", query.get("code_challenge")];
    if (!URL.canParse(callback) || challenge === null || query.get("code_challenge_method") !== "S256")
      return undefined;
    const code = `${query.get("word") ?? "plain"}-${randomUUID()}`;
    this.#challenges.set(code, challenge);
    const back = new URL(callback);
    back.searchParams.set("code", code);
    return back.href;
  }

  /** The key of a code that was not used and has its verifier beside it. */
  redeem(body: string): string | undefined {
    const asked = JSON.parse(body) as { code: string; code_verifier: string; code_challenge_method: string };
    const challenge = this.#challenges.get(asked.code);
    this.#challenges.delete(asked.code);
    const isGood =
      asked.code_challenge_method === "S256" && challenge === hash("sha256", asked.code_verifier, "base64url");
    return isGood ? `sk-or-v1-${asked.code}` : undefined;
  }
}
