/** Ports of this machine: which are free, and who holds the others. */
import { randomInt } from "node:crypto";
import { readdir, readFile, readlink } from "node:fs/promises";
import { connect, createServer } from "node:net";

/** Below the range that outgoing connections take theirs from (Linux: 32768 up), so that a kept port stays ours. */
const LOWEST = 20_000;
const PORTS = 12_000;
const TRIES = 100;
/** A port is taken some seconds after it was found: a process goes on from the last, so that it does not find one twice. */
let next = randomInt(PORTS);

/** A port that nobody listens on now, and that was not the answer lately. Throws where none is found in 100 tries. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const port = LOWEST + (next++ % PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port found between ${LOWEST} and ${LOWEST + PORTS - 1}`);
}

/** Whether we could listen on a port of an address. */
export async function isFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * The first bytes that a port answers, after `hello` was sent where one is given. Undefined where nobody answers
 * within `timeoutMs`.
 */
export async function greeting(port: number, hello?: Uint8Array, timeoutMs = 1000): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const settle = (answer?: Buffer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => settle());
    socket.once("error", () => settle());
    socket.once("close", () => settle());
    socket.once("data", settle);
    if (hello !== undefined) socket.write(hello);
  });
}

/** The program that listens on a port, such as "nginx (pid 71)"; undefined where this machine does not tell us. */
export async function holderOf(port: number): Promise<string | undefined> {
  const sockets = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const rows = (await readFile(table, "utf8").catch(() => "")).split("\n").slice(1);
    for (const row of rows) {
      const [, local = "", , state, , , , , , inode = ""] = row.trim().split(/\s+/);
      const isListening = state === "0A" && Number.parseInt(local.split(":")[1] ?? "", 16) === port;
      if (isListening) sockets.add(`socket:[${inode}]`);
    }
  }
  if (sockets.size === 0) return undefined;
  for (const pid of await readdir("/proc").catch(() => [])) {
    if (/^\d+$/.test(pid) && (await holds(pid, sockets))) {
      const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "a program");
      return `${name.trim()} (pid ${pid})`;
    }
  }
  return undefined;
}

async function holds(pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const handles = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const handle of handles) {
    const target = await readlink(`/proc/${pid}/fd/${handle}`).catch(() => "");
    if (sockets.has(target)) return true;
  }
  return false;
}
