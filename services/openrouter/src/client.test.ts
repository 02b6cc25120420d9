import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { Fault } from "@tollbooth/shared/fault";
import { OpenRouter, wasNotSent } from "./client.ts";
import { startFakeOpenRouter } from "./fake.ts";
import { Secret } from "./secret.ts";

const fake = await startFakeOpenRouter();
afterAll(() => fake.close());
const openRouter = new OpenRouter(fake.url);
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
const key = (...words: string[]) => new Secret(["sk-or-v1", ...words, "0123456789"].join("-"));
const CHAT = { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "x".repeat(40) }], max_tokens: 3 };

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Fault) return error;
  throw new Error("no fault was thrown", { cause: error });
}

/** The address of a server that answers every request in this way, until the test has ended. */
async function listening(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const answering = async (listener: RequestListener) => new OpenRouter(await listening(listener));
const saying = (text: string, status = 200) => answering((_request, response) => response.writeHead(status).end(text));

describe("amounts", () => {
  test("are read to the last digit", async () => {
    const precise = await saying('{"data":{"limit_remaining":12345678.123456789012345678,"usage":1}}');
    const { limitRemaining } = await precise.key(key());
    expect(limitRemaining?.toFixed()).toBe("12345678.123456789012345678");
  });

  test("may be written with an exponent", async () => {
    const tiny = await saying('{"data":{"total_credits":1E+2,"total_usage":1.5e-7}}');
    const { totalCredits, totalUsage } = await tiny.credits(key());
    expect([totalCredits.toFixed(), totalUsage.toFixed()]).toEqual(["100", "0.00000015"]);
  });

  test("that are none are no answer", async () => {
    const odd = await saying('{"data":{"limit_remaining":"NaN"}}');
    expect((await faultOf(odd.key(key()))).code).toBe("unavailable");
  });
});

/** The whole answer to a chat. */
async function chat(asked: OpenRouter, word = "", withinMs = 5_000) {
  const signal = AbortSignal.timeout(withinMs);
  const { texts, ...head } = await asked.ask(key(word), "/chat/completions", JSON.stringify(CHAT), signal);
  let text = "";
  for await (const part of texts) text += part;
  return { ...head, text };
}

describe("a chat", () => {
  test("is answered in OpenRouter's own words, with its name for it", async () => {
    const { text, generationId, isStream } = await chat(openRouter);
    expect(JSON.parse(text)).toMatchObject({ choices: [{ message: { content: "word word word" } }] });
    expect([isStream, generationId]).toEqual([false, expect.stringMatching(/^gen-/)]);
    const bill = await openRouter.bill(key(), generationId ?? "");
    expect(bill).toMatchObject({ model: CHAT.model, generationId, usage: { promptTokens: 10, completionTokens: 3 } });
    expect(bill?.usage?.cost?.toFixed()).toBe("0.0000033");
  });

  test("is there too when it is read a while later, however much memory was cleared meanwhile", async () => {
    const signal = AbortSignal.timeout(5_000);
    const asked = await Promise.all(
      Array.from({ length: 20 }, () => openRouter.ask(key(), "/chat/completions", JSON.stringify(CHAT), signal)),
    );
    for (let i = 0; i < 5; i++) {
      collectGarbage();
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const { texts } of asked) {
      let text = "";
      for await (const part of texts) text += part;
      expect(text).toContain("word word word");
    }
  });

  test("that OpenRouter has no bill of has none", async () => {
    expect(await openRouter.bill(key(), "gen-of-nobody")).toBeUndefined();
  });

  // prettier-ignore
  test.each([
    { word: "revoked",    code: "key_refused",          withinMs: 5_000 },
    { word: "broke",      code: "insufficient_credits", withinMs: 5_000 },
    { word: "management", code: "forbidden",            withinMs: 5_000 },
    { word: "limited",    code: "rate_limited",         withinMs: 5_000 },
    { word: "failing",    code: "unavailable",          withinMs: 5_000 },
    { word: "late",       code: "timeout",              withinMs: 5_000 },
    { word: "cut",        code: "timeout",              withinMs: 5_000 },
    { word: "mute",       code: "timeout",              withinMs: 300 },
  ])("with a key that is $word is refused as $code", async ({ word, code, withinMs }) => {
    expect((await faultOf(chat(openRouter, word, withinMs))).code).toBe(code);
  });

  test("that breaks off may have been done; one that was never sent was not", async () => {
    const cut = await answering((request) => request.socket.destroy());
    expect((await faultOf(chat(cut))).code).toBe("timeout");
    const closed = await startFakeOpenRouter();
    await closed.close();
    const never = await faultOf(chat(new OpenRouter(closed.url)));
    expect([never.code, wasNotSent(never)]).toEqual(["unavailable", true]);
  });
});

describe("what OpenRouter says", () => {
  test("is passed on without the id of the key's owner and without any key", async () => {
    const text = `{"error":{"code":403,"message":"${key().reveal()} may not"},"user_id":"user_2abc"}`;
    const fault = await faultOf((await saying(text, 403)).key(key()));
    expect(fault.message).toBe("OpenRouter does not let this key do that: [redacted] may not");
    expect(JSON.stringify(fault.body())).not.toContain("user_2abc");
  });

  test("may be in its other form", async () => {
    const text = '{"error":{"http_status":404,"error_type":"free_variant_ended","availability":{}}}';
    expect((await faultOf((await saying(text, 404)).key(key()))).message).toContain("free_variant_ended");
  });

  test("is not read beyond 8 MB", async () => {
    const endless = await answering((_request, response) => {
      response.writeHead(200);
      const more = () => {
        while (response.write("x".repeat(1_000_000)));
        response.once("drain", more);
      };
      more();
    });
    expect((await faultOf(endless.key(key()))).code).toBe("unavailable");
  });
});

test("a key goes to no other address", async () => {
  let heard: string | undefined;
  const other = await listening((request, response) => {
    heard = request.headers.authorization;
    response.end("{}");
  });
  const redirecting = await answering((_request, response) =>
    response.writeHead(307, { location: `${other}/key` }).end(),
  );
  expect((await faultOf(redirecting.key(key()))).code).toBe("unavailable");
  expect(heard).toBeUndefined();
});
