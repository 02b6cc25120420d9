import { existsSync, readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { startFakeOpenRouter } from "./fake.ts";

const FILE = new URL("../../../../shared/data/openrouter-openapi-core.json", import.meta.url);
if (!existsSync(FILE))
  console.log(
    "the fake OpenRouter: skipped, there is no shared/data/openrouter-openapi-core.json beside this checkout",
  );

const fake = await startFakeOpenRouter();
afterAll(() => fake.close());

type Json = Readonly<Record<string, unknown>>;
interface Described {
  readonly paths: Record<
    string,
    Record<string, { responses: Record<string, { content: { "application/json": { schema: Json } } }> }>
  >;
  readonly components: { readonly schemas: Json };
}

/** What the API's own description says of an answer. */
function described(method: string, path: string, status: number): z.ZodType {
  const text = readFileSync(FILE, "utf8").replaceAll("#/components/schemas/", "#/$defs/");
  const { paths, components } = JSON.parse(text) as Described;
  const schema = paths[path]?.[method.toLowerCase()]?.responses[status]?.content["application/json"].schema;
  if (schema === undefined) throw new Error(`${method} ${path} has no answer ${status}`);
  return z.fromJSONSchema({ ...schema, $defs: components.schemas } as Parameters<typeof z.fromJSONSchema>[0]);
}

const CHAT = { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "Say something." }], max_tokens: 5 };

// prettier-ignore
const answers = [
  { method: "GET",  path: "/models",           word: "plain",      status: 200 },
  { method: "GET",  path: "/key",              word: "plain",      status: 200 },
  { method: "GET",  path: "/key",              word: "unlimited",  status: 200 },
  { method: "GET",  path: "/key",              word: "management", status: 200 },
  { method: "GET",  path: "/key",              word: "precise",    status: 200 },
  { method: "GET",  path: "/key",              word: "revoked",    status: 401 },
  { method: "GET",  path: "/key",              word: "failing",    status: 500 },
  { method: "GET",  path: "/credits",          word: "management", status: 200 },
  { method: "GET",  path: "/credits",          word: "plain",      status: 403 },
  { method: "POST", path: "/chat/completions", word: "plain",      status: 200 },
  { method: "POST", path: "/chat/completions", word: "cached",     status: 200 },
  { method: "POST", path: "/chat/completions", word: "revoked",    status: 401 },
  { method: "POST", path: "/chat/completions", word: "broke",      status: 402 },
  { method: "POST", path: "/chat/completions", word: "management", status: 403 },
  { method: "POST", path: "/chat/completions", word: "limited",    status: 429 },
  { method: "POST", path: "/chat/completions", word: "failing",    status: 500 },
  { method: "POST", path: "/chat/completions", word: "late",       status: 524 },
];

test.skipIf(!existsSync(FILE)).each(answers)(
  "$method $path with a $word key is answered $status, in the shape that OpenRouter documents",
  async ({ method, path, word, status }) => {
    const answer = await fetch(fake.url + path, {
      method,
      headers: { authorization: `Bearer sk-or-v1-${word}-1` },
      ...(method === "POST" && { body: JSON.stringify(CHAT) }),
    });
    expect(answer.status).toBe(status);
    const parsed = described(method, path, status).safeParse(await answer.json());
    expect(parsed.error?.message).toBeUndefined();
  },
);

test.skipIf(!existsSync(FILE))(
  "a code is good once, with its verifier, and is answered as OpenRouter documents",
  async () => {
    const ask = new URLSearchParams({ callback_url: "https://app.example.com", code_challenge_method: "S256" });
    ask.set("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    const page = await fetch(new URL(`/auth?${ask.toString()}`, fake.url), { redirect: "manual" });
    const code = new URL(page.headers.get("location") ?? "").searchParams.get("code");
    const redeeming = {
      code,
      code_verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
      code_challenge_method: "S256",
    };
    for (const status of [200, 403]) {
      const answer = await fetch(`${fake.url}/auth/keys`, { method: "POST", body: JSON.stringify(redeeming) });
      expect(answer.status).toBe(status);
      const parsed = described("POST", "/auth/keys", status).safeParse(await answer.json());
      expect(parsed.error?.message).toBeUndefined();
    }
  },
);
