/** A collector of a test: keeps all that it gets. */
import { receiveSpans, type Span } from "../../tools/src/spans.ts";

export type { Span };

export interface Collector {
  readonly url: string;
  readonly spans: readonly Span[];
  /** The bodies that were received, as texts: to look for what must not be there. */
  readonly received: readonly string[];
  close(): Promise<void>;
}

/** Starts a collector on a free port. */
export async function startCollector(): Promise<Collector> {
  const spans: Span[] = [];
  const received: string[] = [];
  const hear = (came: readonly Span[], body: string) => {
    spans.push(...came);
    received.push(body);
  };
  return { ...(await receiveSpans(0, hear)), spans, received };
}

/** Sends another collector what was received; answers its status. */
export async function passOn(url: string, body: string): Promise<number> {
  return (await fetch(`${url}/v1/traces`, { method: "POST", body })).status;
}
