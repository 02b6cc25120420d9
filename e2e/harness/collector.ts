/** An OTLP/HTTP collector of a test: keeps the spans that processes send it, as JSON. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Span {
  /** The process that made it: "gateway". */
  readonly service: string;
  readonly name: string;
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer";
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly links: readonly string[];
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly failed: boolean;
}

export interface Collector {
  readonly url: string;
  readonly spans: readonly Span[];
  /** All that was received, as text: to look for what must not be there. */
  received(): string;
  close(): Promise<void>;
}

interface Attribute {
  readonly key: string;
  readonly value: { stringValue?: string; intValue?: string | number; boolValue?: boolean; doubleValue?: number };
}

interface SentSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly links?: readonly { spanId: string }[];
  readonly attributes: readonly Attribute[];
  readonly status?: { code?: number };
}

interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}

const KINDS = ["internal", "internal", "server", "client", "producer", "consumer"] as const;
const ERROR = 2;

/** Starts a collector on a free port. */
export async function startCollector(): Promise<Collector> {
  const spans: Span[] = [];
  let received = "";
  const receive = (body: string) => {
    received += body;
    for (const { resource, scopeSpans } of (JSON.parse(body) as Sent).resourceSpans) {
      const service = String(valuesOf(resource.attributes)["service.name"]).replace("tollbooth-", "");
      spans.push(...scopeSpans.flatMap((scope) => scope.spans.map((span) => read(service, span))));
    }
  };
  const server = createServer((req, res) => {
    void text(req)
      .then(receive)
      .then(() => res.setHeader("content-type", "application/json").end("{}"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, received: () => received, close };
}

function read(service: string, span: SentSpan): Span {
  return {
    service,
    name: span.name,
    kind: KINDS[span.kind] ?? "internal",
    traceId: span.traceId,
    spanId: span.spanId,
    parentId: span.parentSpanId || undefined,
    links: (span.links ?? []).map((link) => link.spanId),
    attributes: valuesOf(span.attributes),
    failed: span.status?.code === ERROR,
  };
}

function valuesOf(attributes: readonly Attribute[]): Record<string, string | number | boolean> {
  return Object.fromEntries(
    attributes.map(({ key, value: { stringValue, intValue, boolValue, doubleValue } }) => [
      key,
      stringValue ?? boolValue ?? doubleValue ?? Number(intValue),
    ]),
  );
}
