/** An address of its own for a process's metrics: services have no other, and a gateway may keep them from its clients. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { METRICS_TYPE, metricsText } from "./metrics.ts";
import type { Log } from "./log.ts";

export interface ScrapeOptions {
  readonly host: string;
  /** Without one there is no such address. */
  readonly port: number | undefined;
  readonly log: Log;
}

/** Serves GET /metrics; answers what ends it. Throws one sentence where the port cannot be had. */
export async function openScrape({ host, port, log }: ScrapeOptions): Promise<() => Promise<void>> {
  if (port === undefined) return async () => {};
  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => {
      log.error({ err: error }, "the metrics could not be told");
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new Error(`no metrics on ${host} port ${port}: ${cause.message}`, { cause })),
    );
    server.listen(port, host, resolve);
  });
  log.info({ host, port }, "metrics");
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

async function answer({ url }: IncomingMessage, response: ServerResponse): Promise<void> {
  if (url !== "/metrics") {
    response.writeHead(404, { "Content-Type": "text/plain" }).end("nothing but /metrics is here\n");
    return;
  }
  const text = await metricsText();
  response.writeHead(200, { "Content-Type": METRICS_TYPE }).end(text);
}
