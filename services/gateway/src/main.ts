/** Builds the gateway and wires it: settings, log, traces, broker, application, port. */
import { openBus } from "@tollbooth/shared/bus";
import { commands } from "@tollbooth/shared/contracts/all";
import { openLog } from "@tollbooth/shared/log";
import { countProcess } from "@tollbooth/shared/metrics";
import { openScrape } from "@tollbooth/shared/scrape";
import { Shutdown } from "@tollbooth/shared/shutdown";
import { startTelemetry } from "@tollbooth/shared/telemetry";
import { buildApp } from "./app.ts";
import { openAuth } from "./auth.ts";
import { readGatewayConfig } from "./config.ts";
import { close, listen, urlOf } from "./server.ts";

async function main(): Promise<void> {
  const config = readGatewayConfig(process.env);
  const log = openLog("gateway", config.LOG_LEVEL);
  const shutdown = new Shutdown(log);
  shutdown.add("telemetry", await startTelemetry("gateway", config.OTEL_EXPORTER_OTLP_ENDPOINT), (flush) => flush());
  countProcess();
  const { METRICS_HOST: host, GATEWAY_METRICS_PORT: port, NATS_URL: url, NATS_KEYS: keys } = config;
  shutdown.add("metrics", await openScrape({ host, port, log }), (end) => end());
  const bus = shutdown.add("bus", await openBus({ url, keys, name: "gateway", log }), (open) => open.close());
  const app = buildApp({ config, bus, auth: openAuth(config), log, commands });
  const server = shutdown.add("server", await listen(app, config.GATEWAY_HOST, config.GATEWAY_PORT), close);
  log.info({ address: urlOf(server) }, "listening");
}

main().catch((error: Error) => {
  console.error(`gateway: ${error.message}`);
  process.exit(1);
});
