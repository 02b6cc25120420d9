/** The findings of the last round as Prometheus reads them. */
import { createServer } from "node:http";
import type { Round } from "./watch.ts";

/** Serves `GET /metrics` on a port; answers what hears of rounds, and what ends it. Throws where the port is taken. */
export async function serveMetrics(
  port: number,
  host = "127.0.0.1",
): Promise<{ hear: (round: Round) => void; close: () => void }> {
  let text = "";
  let rounds = 0;
  const server = createServer((_request, answer) => {
    answer.setHeader("content-type", "text/plain; version=0.0.4; charset=utf-8");
    answer.end(text);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", () => reject(new Error(`METRICS_PORT is ${port}, and nobody can listen there.`)));
    server.listen(port, host, resolve);
  });
  return {
    hear: (round) => (text = metricsText(round, ++rounds)),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Breaches by invariant and books; a round that could not be tried leaves none of them, and its success is 0. */
export function metricsText({ at, seconds, findings }: Round, rounds: number): string {
  const breaches = new Map<string, number>();
  for (const { invariant, of, breaches: found } of findings ?? []) {
    const labels = `{invariant="${invariant}",of="${of}"}`;
    breaches.set(labels, (breaches.get(labels) ?? 0) + found.length);
  }
  const lines = [
    "# HELP tollbooth_audit_breaches Places where an invariant does not hold, the first 20 of each law.",
    "# TYPE tollbooth_audit_breaches gauge",
    ...[...breaches].map(([labels, count]) => `tollbooth_audit_breaches${labels} ${count}`),
    "# HELP tollbooth_audit_success Whether the last round could be tried.",
    "# TYPE tollbooth_audit_success gauge",
    `tollbooth_audit_success ${findings === undefined ? 0 : 1}`,
    "# HELP tollbooth_audit_round_seconds How long the last round took.",
    "# TYPE tollbooth_audit_round_seconds gauge",
    `tollbooth_audit_round_seconds ${seconds.toFixed(3)}`,
    "# HELP tollbooth_audit_last_round_timestamp_seconds When the last round began.",
    "# TYPE tollbooth_audit_last_round_timestamp_seconds gauge",
    `tollbooth_audit_last_round_timestamp_seconds ${(Date.parse(at) / 1000).toFixed(3)}`,
    "# HELP tollbooth_audit_rounds_total Rounds since the watch began.",
    "# TYPE tollbooth_audit_rounds_total counter",
    `tollbooth_audit_rounds_total ${rounds}`,
  ];
  return `${lines.join("\n")}\n`;
}
