/**
 * A flood from a process of its own: reads what to send from a file, prints as JSON what came back. A request is sent when
 * it is due, on a connection where none is under way, and timed from when it was due. It speaks HTTP by hand: a client that
 * costs as much as a gateway would take half of what is measured.
 */
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { ID, type FloodOrder, type Flooded, type Second } from "./flooding.ts";
import { quantile, rounded } from "./numbers.ts";

/** As many as wait in a listener's queue at most: one more would wait for its second SYN, and not for the gateway. */
const CONNECTIONS_MAX = 4_000;
const ANSWERED_WITHIN_MS = 30_000;
const END_OF_HEAD = "\r\n\r\n";

interface Answer {
  readonly status: string;
  readonly saysWhen: boolean;
}

const [file = ""] = process.argv.slice(2);
const { port, token, posts, phases } = JSON.parse(await readFile(file, "utf8")) as FloodOrder;

/** Connections on which nothing is under way: the one that was used last is the first to be used again. */
const idle: Line[] = [];
const busy = new Set<Line>();
let connections = 0;
const outcomes: string[] = [];
const others = new Map<string, number>();
const times: { phase: string; sent: number; accepted: number[]; refused: number[] }[] = [];

class Line {
  readonly #socket: Socket;
  #heard = "";
  #onEnd: ((answer: Answer) => void) | undefined;

  constructor() {
    connections++;
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true }).setEncoding("latin1");
    this.#socket.on("data", (text: string) => this.#hear(text));
    this.#socket.on("error", (error: NodeJS.ErrnoException) => this.#break(error.code ?? error.message));
    this.#socket.on("close", () => this.#break("closed"));
  }

  ask(request: string, onEnd: (answer: Answer) => void): void {
    this.#onEnd = onEnd;
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.destroy();
  }

  #hear(text: string): void {
    this.#heard += text;
    const end = this.#heard.indexOf(END_OF_HEAD);
    if (end === -1) return;
    const head = this.#heard.slice(0, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#heard.length < end + END_OF_HEAD.length + length) return;
    this.#heard = "";
    if (!/connection: close/i.test(head)) idle.push(this);
    this.#end({
      status: head.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length),
      saysWhen: /retry-after: \d/i.test(head),
    });
  }

  #break(why: string): void {
    const at = idle.indexOf(this);
    if (at !== -1) idle.splice(at, 1);
    this.#end({ status: why, saysWhen: false });
  }

  #end(answer: Answer): void {
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    onEnd?.(answer);
  }
}

function send(dueMs: number, second: (typeof times)[number]): void {
  const n = outcomes.push("?") - 1;
  second.sent++;
  const { path, body } = posts[n % posts.length] ?? { path: "", body: "" };
  const text = body.replaceAll("{n}", String(n));
  const line = idle.pop() ?? (busy.size < CONNECTIONS_MAX ? new Line() : undefined);
  if (line === undefined) return count("not sent: every connection waits");
  busy.add(line);
  line.ask(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nIdempotency-Key: ${ID.replace("{n}", String(n))}\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    ({ status, saysWhen }) => {
      busy.delete(line);
      const ms = performance.now() - dueMs;
      if (status === "200") {
        outcomes[n] = "a";
        second.accepted.push(ms);
      } else if ((status === "503" || status === "429") && saysWhen) {
        outcomes[n] = "r";
        second.refused.push(ms);
      } else count(status);
    },
  );
}

function count(what: string): void {
  others.set(what, (others.get(what) ?? 0) + 1);
}

for (const { name, perSecond, seconds } of phases) {
  const own = Array.from({ length: seconds }, () => ({
    phase: name,
    sent: 0,
    accepted: [] as number[],
    refused: [] as number[],
  }));
  times.push(...own);
  const [beginMs, all] = [performance.now(), perSecond * seconds];
  for (let n = 0; n < all;) {
    const due = Math.min(all, Math.floor(((performance.now() - beginMs) / 1000) * perSecond) + 1);
    for (; n < due; n++) {
      const second = own[Math.floor(n / perSecond)];
      if (second !== undefined) send(beginMs + (n / perSecond) * 1000, second);
    }
    await pause(1);
  }
}
const endMs = performance.now() + ANSWERED_WITHIN_MS;
while (busy.size > 0 && performance.now() < endMs) await pause(10);
if (busy.size > 0) others.set("no answer", busy.size);
for (const line of idle) line.close();

const told = (ms: readonly number[], share: number) => (ms.length === 0 ? null : rounded(quantile(ms, share), 1));
const said: Flooded = {
  seconds: times.map(({ phase, sent, accepted, refused }): Second => ({
    phase,
    sent,
    accepted: accepted.length,
    refused: refused.length,
    acceptedP50Ms: told(accepted, 0.5),
    acceptedP99Ms: told(accepted, 0.99),
    refusedP50Ms: told(refused, 0.5),
    refusedP99Ms: told(refused, 0.99),
  })),
  outcomes: outcomes.join(""),
  others: Object.fromEntries(others),
  connections,
};
process.stdout.write(JSON.stringify(said), () => process.exit(0));
