import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fault } from "@tollbooth/shared/fault";
import { Exchange } from "./exchange.ts";

const HEAD = { isStream: true, headers: {} };
const WAIT_MS = 5_000;

async function all(exchange: Exchange): Promise<string> {
  let text = "";
  for (;;) {
    const part = await exchange.take(WAIT_MS);
    text += part.text;
    if (part.done) return text;
  }
}

describe("an exchange", () => {
  test("gives its head once and its parts in order", async () => {
    const exchange = new Exchange();
    exchange.begin(HEAD);
    await exchange.push("a");
    expect(await exchange.take(WAIT_MS)).toEqual({ head: HEAD, text: "a", done: false });
    await exchange.push("b");
    await exchange.push("c");
    exchange.end("done");
    expect(await exchange.take(WAIT_MS)).toEqual({ head: undefined, text: "bc", done: true });
  });

  test("is read no further while nobody takes", async () => {
    const exchange = new Exchange();
    let pushed = 0;
    const reading = (async () => {
      for (; pushed < 100; pushed++) await exchange.push("x".repeat(100_000));
      exchange.end("done");
    })();
    await exchange.take(WAIT_MS);
    expect(pushed).toBeLessThan(8);
    expect((await all(exchange)).length).toBeGreaterThan(9_000_000);
    await reading;
    expect(pushed).toBe(100);
  });

  test("that is left takes what comes and keeps nothing of it", async () => {
    const exchange = new Exchange();
    exchange.leave();
    for (let i = 0; i < 10; i++) await exchange.push("x".repeat(1_000_000));
    expect(await exchange.take(WAIT_MS)).toEqual({ head: undefined, text: "", done: true });
    expect(exchange.left.aborted).toBe(true);
  });

  test("of which nothing comes answers with nothing after a while", async () => {
    expect(await new Exchange().take(10)).toEqual({ head: undefined, text: "", done: false });
  });

  test("that failed says so after what came before", async () => {
    const exchange = new Exchange();
    void exchange.push("a");
    exchange.end(new Fault("rate_limited", "slow down"));
    expect((await exchange.take(WAIT_MS)).text).toBe("a");
    await expect(exchange.take(WAIT_MS)).rejects.toThrow("slow down");
  });

  test("cuts no character in half", async () => {
    const exchange = new Exchange();
    const text = `x${"👋".repeat(1_000_000)}`;
    void exchange.push(text);
    exchange.end("done");
    const part = await exchange.take(WAIT_MS);
    expect(/[\uD800-\uDBFF]$/.test(part.text)).toBe(false);
    expect(part.text + (await all(exchange))).toBe(text);
  });
});

describe("whatever the timing,", () => {
  const anyText = fc.oneof(fc.string({ maxLength: 3 }), fc.constant("x".repeat(150_000)));
  const how = { ends: fc.constantFrom("done", "fails"), isLeft: fc.boolean() };

  test("what is pushed is taken once, in its order, up to its end or to where it is left, and nobody waits for ever", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(anyText),
        fc.record(how),
        async (scheduler, texts, { ends, isLeft }) => {
          const exchange = new Exchange();
          const soon = () => scheduler.schedule(Promise.resolve());
          const pushing = async () => {
            await soon();
            exchange.begin(HEAD);
            for (const text of texts) {
              await soon();
              await exchange.push(text);
            }
            await soon();
            exchange.end(ends === "done" ? ends : new Fault("rate_limited", ends));
          };
          const leaving = async () => {
            await soon();
            if (isLeft) exchange.leave();
          };
          const taken = { text: "", heads: 0, ended: "" };
          const taking = async () => {
            while (taken.ended === "") {
              await soon();
              const part = await exchange.take(WAIT_MS).catch((error: Error) => error.message);
              if (typeof part === "string") taken.ended = part;
              else {
                taken.text += part.text;
                taken.heads += part.head === undefined ? 0 : 1;
                if (part.done) taken.ended = "done";
              }
            }
          };
          await scheduler.waitFor(Promise.all([pushing(), leaving(), taking()]));
          const whole = texts.join("");
          if (isLeft) expect(whole.startsWith(taken.text)).toBe(true);
          else expect(taken).toMatchObject({ text: whole, ended: ends });
          // What fails before its first part may have no head.
          expect(taken.heads).toBeLessThanOrEqual(1);
          expect(taken.heads).toBeGreaterThanOrEqual(taken.text === "" ? 0 : 1);
        },
      ),
    );
  });
});
