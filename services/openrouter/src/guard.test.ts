import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fault } from "@tollbooth/shared/fault";
import { OpenRouter } from "./client.ts";
import { startFakeOpenRouter } from "./fake.ts";
import { Guards } from "./guard.ts";
import { Secret } from "./secret.ts";

const LIMITS = { atOnceMax: 2, failuresMax: 3, pauseMs: 60_000 };
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "ok",
    (error: unknown) => Fault.from(error).code,
  );

describe("a key", () => {
  test("has so many requests at once, and no other key waits for it", async () => {
    const guards = new Guards(LIMITS);
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const underWay = [1, 2].map(() => guards.inRoom("a", () => ended));
    expect(await codeOf(guards.inRoom("a", async () => {}))).toBe("rate_limited");
    expect(await codeOf(guards.inRoom("b", async () => {}))).toBe("ok");
    end();
    await Promise.all(underWay);
    expect(await codeOf(guards.inRoom("a", async () => {}))).toBe("ok");
  });

  test("never has more under way than it may, and is refused only where it has as many, whatever the timing", async () => {
    const anyAsks = fc.array(fc.record({ key: fc.constantFrom("a", "b"), fails: fc.boolean() }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), anyAsks, async (scheduler, asks) => {
        const guards = new Guards(LIMITS);
        const [underWay, wrong] = [{ a: 0, b: 0 }, [] as string[]];
        const ask = async ({ key, fails }: { key: "a" | "b"; fails: boolean }) => {
          await scheduler.schedule(Promise.resolve());
          const isFull = underWay[key] >= LIMITS.atOnceMax;
          underWay[key]++;
          const code = await codeOf(
            guards.inRoom(key, async () => {
              if (underWay[key] > LIMITS.atOnceMax) wrong.push(`${underWay[key]} are under way`);
              await scheduler.schedule(Promise.resolve());
              if (fails) throw new Fault("timeout", "no");
            }),
          );
          underWay[key]--;
          const fate = fails ? "timeout" : "ok";
          if (code !== (isFull ? "rate_limited" : fate)) wrong.push(`${code} instead of ${fate}, full: ${isFull}`);
        };
        await scheduler.waitFor(Promise.all(asks.map(ask)));
        expect(wrong).toEqual([]);
      }),
    );
  });

  test("that fails again and again is asked no more for a while, and no other key with it", async () => {
    const guards = new Guards(LIMITS);
    let asked = 0;
    const ask = (key: string, code: "timeout" | "invalid_request") =>
      codeOf(
        guards.ask(key, () => {
          asked += 1;
          return Promise.reject(new Fault(code, "no"));
        }),
      );
    for (let i = 0; i < 5; i++) await ask("a", "invalid_request");
    for (let i = 0; i < 3; i++) await ask("a", "timeout");
    expect([await ask("a", "timeout"), asked]).toEqual(["unavailable", 8]);
    expect([await ask("b", "timeout"), asked]).toEqual(["timeout", 9]);
  });
});

describe("what failed", () => {
  test("is sent again where it was never sent", async () => {
    const gone = await startFakeOpenRouter();
    await gone.close();
    const nowhere = new OpenRouter(gone.url);
    let asked = 0;
    const ask = () => {
      asked += 1;
      return nowhere.ask(new Secret("sk-or-v1-none"), "/chat/completions", "{}", AbortSignal.timeout(5_000));
    };
    expect([await codeOf(new Guards(LIMITS).ask("a", ask)), asked]).toEqual(["unavailable", 3]);
  });

  test("is not sent again where it may have been done", async () => {
    let asked = 0;
    const ask = () => {
      asked += 1;
      return Promise.reject(new Fault("unavailable", "OpenRouter cannot answer at the moment"));
    };
    expect([await codeOf(new Guards(LIMITS).ask("a", ask)), asked]).toEqual(["unavailable", 1]);
  });
});
