/** Whether the process is up, and whether it can do its work: probes of an orchestrator, without a token. */
import { Router } from "express";
import type { Bus } from "@tollbooth/shared/bus";
import { Fault } from "@tollbooth/shared/fault";
import { sendProblem } from "./problem.ts";

/** An answer is kept this long: asking often costs the platform nothing. */
const KEPT_MS = 200;

type Parts = Readonly<Record<string, "up" | "down">>;

/** GET /health/live answers 200; GET /health/ready 200, or 503 with the parts that are down. */
export function healthRouter(bus: Pick<Bus, "connected" | "ping">, services: readonly string[]): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const parts = kept(() => ask(bus, services));
  router.get("/health/live", (_req, res) => {
    res.locals.route = "/health/live";
    res.json({ status: "up" });
  });
  router.get("/health/ready", async (_req, res) => {
    res.locals.route = "/health/ready";
    const found = await parts();
    const isReady = Object.values(found).every((state) => state === "up");
    if (!isReady) return sendProblem(res, new Fault("unavailable", "not ready"), { parts: found });
    res.set("Cache-Control", "no-store").json({ status: "ready", parts: found });
  });
  return router;
}

async function ask(bus: Pick<Bus, "connected" | "ping">, services: readonly string[]): Promise<Parts> {
  const isConnected = bus.connected();
  const answers = services.map(
    async (service) => [service, isConnected && (await bus.ping(service)) ? "up" : "down"] as const,
  );
  return { broker: isConnected ? "up" : "down", ...Object.fromEntries(await Promise.all(answers)) };
}

/** Asks again only a while after it last asked; who comes in between gets the same answer. */
function kept<T>(fresh: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  let untilMs = 0;
  return () => {
    if (answer === undefined || performance.now() >= untilMs) {
      answer = fresh();
      untilMs = performance.now() + KEPT_MS;
    }
    return answer;
  };
}
