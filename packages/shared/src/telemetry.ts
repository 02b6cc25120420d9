/**
 * Traces. Spans are made by hand at the few doors that matter (HTTP, request/reply, SQL, publish, process), because a
 * reader can then see them. Without a collector's address the SDK is not loaded and nothing is exported,
 * but every log line still carries its trace id.
 */
import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type Tracer,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
// By its own address: the package brings all names of attributes there are, a quarter of what a service loads.
import { W3CTraceContextPropagator } from "@opentelemetry/core/build/src/trace/W3CTraceContextPropagator.js";
import { randomUUID } from "node:crypto";
import { Fault, type FaultCode } from "./fault.ts";

export { SpanKind, SpanStatusCode, type Span };

/** The headers that carry a trace between processes and through the outbox: `traceparent`, `tracestate`. */
export type TraceHeaders = Record<string, string>;
export const TRACE_HEADERS = ["traceparent", "tracestate"];

/** The trace that headers tell of, each read by its name. */
export function traceIn(read: (name: string) => unknown): TraceHeaders {
  const headers: TraceHeaders = {};
  for (const name of TRACE_HEADERS) {
    const value = read(name);
    if (typeof value === "string" && value !== "") headers[name] = value;
  }
  return headers;
}

/**
 * Makes no spans. A trace goes on under the id of whoever began it, so that logs and the journal have it all the same; the
 * rest of a span costs, and nobody would look at it.
 */
const quiet: Pick<Tracer, "startSpan"> = {
  startSpan: (_name, _options, from = ROOT_CONTEXT) => trace.getSpan(from) ?? newTrace(),
};

let tracer = quiet;

function newTrace(): Span {
  const id = randomUUID().replaceAll("-", "");
  return trace.wrapSpanContext({ traceId: id, spanId: id.slice(0, 16), traceFlags: TraceFlags.NONE });
}

/** Begins the traces of this process. Answers what to call at the end: it flushes, within the exporter's time-out. */
export async function startTelemetry(service: string, endpoint: string | undefined): Promise<() => Promise<void>> {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  if (endpoint === undefined) return async () => {};
  // It takes longer to load than all of ours: who exports nothing starts without it.
  const { openExporter } = await import("./exporter.ts");
  const exporter = openExporter(service, endpoint);
  tracer = exporter.getTracer("tollbooth");
  return () => exporter.shutdown();
}

interface SpanOptions {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** Traces that it has to do with. */
  readonly linked?: readonly TraceHeaders[];
  /** The trace to continue; without it the one that is active. */
  readonly parent?: TraceHeaders;
}

/** What a span says of a message, by OpenTelemetry's conventions for messaging. */
export function messaging(operation: string, type: "send" | "process", destination: string): Attributes {
  return {
    "messaging.system": "nats",
    "messaging.operation.name": operation,
    "messaging.operation.type": type,
    "messaging.destination.name": destination,
  };
}

/** The refusals that say that we failed, and not that the caller asked for what he cannot have. */
const OUR_FAULTS: ReadonlySet<string> = new Set<FaultCode>(["internal", "unavailable", "overloaded", "timeout"]);

/** Runs `work` inside a span. What it throws is thrown on; it marks the span as failed unless it is an ordinary refusal. */
export async function inSpan<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> {
  const { parent, linked = [], ...rest } = options;
  const from = parent === undefined ? context.active() : extract(parent);
  const links = tracer === quiet ? [] : linked.flatMap(linkTo);
  const span = tracer.startSpan(name, { ...rest, links }, from);
  try {
    return await context.with(trace.setSpan(from, span), () => work(span));
  } catch (thrown) {
    markFailed(span, thrown);
    throw thrown;
  } finally {
    span.end();
  }
}

/** Tells in a span what was thrown; the span has failed by it unless it is an ordinary refusal. */
export function markFailed(span: Span, thrown: unknown): void {
  const code = thrown instanceof Fault ? thrown.code : "internal";
  span.setAttribute("error.type", code);
  if (OUR_FAULTS.has(code)) span.setStatus({ code: SpanStatusCode.ERROR });
}

/** The active trace as headers; empty where there is none. */
export function traceHeaders(): TraceHeaders {
  const headers: TraceHeaders = {};
  propagation.inject(context.active(), headers);
  return headers;
}

/** A link to the span that the headers name, if they name one. */
function linkTo(headers: TraceHeaders): Link[] {
  const spanContext = trace.getSpanContext(extract(headers));
  return spanContext === undefined ? [] : [{ context: spanContext }];
}

/** The id of the active trace, for logs and for answers to callers. */
export function traceId(): string | undefined {
  return trace.getSpanContext(context.active())?.traceId;
}

function extract(headers: TraceHeaders): Context {
  return propagation.extract(ROOT_CONTEXT, headers);
}
