/** OpenTelemetry's SDK, which brings spans to a collector over HTTP. It is built here and nowhere else. */
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

/** Brings a service's spans to the collector at this address, in batches. Shutting it down flushes, within the time-out. */
export function openExporter(service: string, endpoint: string): BasicTracerProvider {
  const url = `${endpoint.replace(/\/$/, "")}/v1/traces`;
  return new BasicTracerProvider({
    resource: resourceFromAttributes({ "service.name": `tollbooth-${service}` }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url, timeoutMillis: 3000 }))],
  });
}
