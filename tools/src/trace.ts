/** `npm run trace`: where the time of requests went, for who has no backend for traces. */
import { Command } from "commander";
import { portNumber } from "./port-number.ts";
import { receiveSpans, type Span } from "./spans.ts";
import { treeOf } from "./trace-tree.ts";

const PORT = 4318;
/** Processes send what they have every 5 s: when a trace grew no more for longer than that, it is whole. */
const WHOLE_AFTER_MS = 6_000;
const LOOK_EVERY_MS = 250;
/** Traces held until they are whole; when more come, the oldest are told as they are. */
const HELD_MAX = 1_000;

const command: Command = new Command("npm run trace --")
  .description("Receives the spans of a platform and prints each trace as a tree, in milliseconds from its beginning.")
  .addHelpText(
    "after",
    `
In another terminal: OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${PORT} npm start
The columns are when a span began and how long it took. Ctrl-C prints what is still held, and ends it.`,
  )
  .option("--port <number>", "where it receives them", portNumber, PORT)
  .option("--slower <ms>", "only traces that took at least as long", Number, 0)
  .option("--json", "for programs: an array of spans a line")
  .parse();
const { port, slower, json } = command.opts<{ port: number; slower: number; json?: true }>();

interface Held {
  readonly spans: Span[];
  heardMs: number;
}

const held = new Map<string, Held>();

const receiver = await receiveSpans(port, hear).catch((error: Error) => command.error(error.message));
console.error(
  `Receiving spans at ${receiver.url} from whatever is started with OTEL_EXPORTER_OTLP_ENDPOINT=${receiver.url}; Ctrl-C ends it.`,
);
const looking = setInterval(() => tellUntil(performance.now() - WHOLE_AFTER_MS), LOOK_EVERY_MS);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void end());

function hear(spans: readonly Span[]): void {
  for (const span of spans) {
    const trace = held.get(span.traceId) ?? { spans: [], heardMs: 0 };
    trace.spans.push(span);
    trace.heardMs = performance.now();
    held.set(span.traceId, trace);
  }
  for (const [id] of held) if (held.size > HELD_MAX) tell(id);
}

/** Tells the traces that have not grown since. */
function tellUntil(sinceMs: number): void {
  for (const [id, { heardMs }] of held) if (heardMs <= sinceMs) tell(id);
}

function tell(id: string): void {
  const spans = held.get(id)?.spans ?? [];
  held.delete(id);
  // What our loops ask their databases belongs to no request.
  if (!spans.some(({ kind }) => kind === "server" || kind === "consumer")) return;
  const begin = Math.min(...spans.map(({ beginMs }) => beginMs));
  if (Math.max(...spans.map(({ endMs }) => endMs)) - begin < slower) return;
  if (json) return console.log(JSON.stringify(spans));
  console.log(`\n${new Date(begin).toISOString()} trace ${id}\n${treeOf(spans).join("\n")}`);
}

async function end(): Promise<void> {
  clearInterval(looking);
  tellUntil(performance.now());
  await receiver.close();
}
