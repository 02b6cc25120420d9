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
