/** A small OTLP/HTTP receiver, for `npm run trace` and for tests: takes the spans that processes send it, as JSON. */
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
  /** Milliseconds since 1970. */
  readonly beginMs: number;
  readonly endMs: number;
}

export interface Receiver {
  readonly url: string;
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
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}

interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}

const KINDS = ["internal", "internal", "server", "client", "producer", "consumer"] as const;
const ERROR = 2;

/** Receives spans at a port of this machine, at any free one for 0; `hear` gets them as they come, and the body. Throws where it is taken. */
export async function receiveSpans(
  port: number,
  hear: (spans: readonly Span[], body: string) => void,
): Promise<Receiver> {
  const receive = (body: string) => hear(spansIn(JSON.parse(body) as Sent), body);
  const server = createServer((req, res) => {
    void text(req)
      .then(receive)
      .then(
        () => res.setHeader("content-type", "application/json"),
        () => (res.statusCode = 400),
      )
      .finally(() => res.end("{}"));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

function spansIn({ resourceSpans }: Sent): Span[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(valuesOf(resource.attributes)["service.name"]).replace("tollbooth-", "");
    return scopeSpans.flatMap((scope) => scope.spans.map((span) => read(service, span)));
  });
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
    beginMs: Number(span.startTimeUnixNano) / 1e6,
    endMs: Number(span.endTimeUnixNano) / 1e6,
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
