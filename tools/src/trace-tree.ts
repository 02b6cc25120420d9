/** Traces for people: a span a line, indented under what led to it, with when it began and how long it took. */
import type { Span } from "./spans.ts";

/** The lines of one trace, in milliseconds from its beginning. What is linked and not a child stands where it began. */
export function treeOf(spans: readonly Span[]): string[] {
  const known = new Set(spans.map(({ spanId }) => spanId));
  const ordered = spans.toSorted((a, b) => a.beginMs - b.beginMs || b.endMs - a.endMs);
  const zero = ordered[0]?.beginMs ?? 0;
  const branch = (parent: string | undefined, depth: number): string[] =>
    ordered
      .filter(({ parentId }) => (parentId !== undefined && known.has(parentId) ? parentId : undefined) === parent)
      .flatMap((span) => [line(span, zero, depth), ...branch(span.spanId, depth + 1)]);
  return branch(undefined, 0);
}

function line({ service, name, beginMs, endMs, failed }: Span, zero: number, depth: number): string {
  const [at, took] = [beginMs - zero, endMs - beginMs].map((ms) => ms.toFixed(1).padStart(8));
  return `${at}${took}  ${"  ".repeat(depth)}${service}: ${name}${failed ? "  FAILED" : ""}`;
}
