import { EventEmitter, once } from "node:events";
import { Agent, request, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { until } from "@tollbooth/shared/local/condition";
import { close, listen, urlOf } from "./server.ts";

/** A server that answers only when it is told to. */
async function heldServer() {
  const signal = new EventEmitter();
  const server = await listen(
    (_, res) => {
      signal.emit("asked");
      signal.once("answer", () => res.end("done"));
    },
    "127.0.0.1",
    0,
  );
  onTestFinished(() => server.closeAllConnections());
  return { server, signal, url: urlOf(server) };
}

test("a port that is taken is told in one sentence with what to do", async () => {
  const { server, url } = await heldServer();
  onTestFinished(() => void server.close());
  const { port } = new URL(url);
  const message = `port ${port} on 127.0.0.1 is taken: stop what listens there, or set GATEWAY_PORT to another`;
  await expect(listen(() => {}, "127.0.0.1", Number(port))).rejects.toThrow(message);
});

test("an address that is not this machine's is told", async () => {
  await expect(listen(() => {}, "192.0.2.1", 0)).rejects.toThrow("192.0.2.1 is no address of this machine");
});

test("a request in hand is answered before the server leaves, though its client keeps the connection", async () => {
  const { server, signal, url } = await heldServer();
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const asked = once(signal, "asked");
  const answered = once(request(url, { agent }).end(), "response") as Promise<[IncomingMessage]>;
  await asked;
  const closed = close(server);
  await expect(fetch(url)).rejects.toThrow("fetch failed");
  signal.emit("answer");
  const [answer] = await answered;
  expect([answer.statusCode, Buffer.concat(await answer.toArray()).toString()]).toEqual([200, "done"]);
  await closed;
  expect(server.listening).toBe(false);
});

test("a connection on which nobody has asked anything does not hold up the end", async () => {
  const { server, url } = await heldServer();
  const { hostname, port } = new URL(url);
  const accepted = once(server, "connection");
  const socket = connect(Number(port), hostname);
  await accepted;
  const ended = once(socket, "close");
  const since = performance.now();
  await close(server);
  await ended;
  expect(performance.now() - since).toBeLessThan(2_000);
});

/** Bounds that a test can see the end of. */
const QUICK = { headersMs: 200, requestMs: 400, checkMs: 20, unreadMs: 300, connectionsMax: 3 };
const WITHIN_MS = 5_000;

/** A server that answers a request once it is whole, and one of its clients who speaks in bytes. */
async function quickServer(answer: Parameters<typeof listen>[0], bounds: Partial<typeof QUICK> = {}) {
  const server = await listen(answer, "127.0.0.1", 0, { ...QUICK, ...bounds });
  onTestFinished(async () => {
    server.closeAllConnections();
    await close(server);
  });
  const opened = async () => {
    const socket = connect(Number(new URL(urlOf(server)).port), "127.0.0.1").on("error", () => {});
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    return socket;
  };
  const connections = () =>
    new Promise<number>((resolve, reject) => {
      server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    });
  return { opened, connections, url: urlOf(server) };
}

/** All that a client is answered until his connection is closed. */
async function heard(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, "close");
  return text;
}

const afterItsBody: Parameters<typeof listen>[0] = (req, res) => {
  req.on("end", () => res.end("done")).on("error", () => {});
  req.resume();
};

describe("a client that is slow", () => {
  // prettier-ignore
  test.each([
    { name: "says nothing",                      begins: "",                                                             drips: "" },
    { name: "lets its first line drip",          begins: "GET /",                                                        drips: "x" },
    { name: "lets its headers drip",             begins: "GET / HTTP/1.1\r\nHost: x\r\n",                                drips: "X: 1\r\n" },
    { name: "lets its body drip",                begins: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n",    drips: "x" },
    { name: "lets its body drip, part by part",  begins: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", drips: "1\r\nx\r\n" },
  ])("and $name is answered 408 and cut off", async ({ begins, drips }) => {
    const { opened } = await quickServer(afterItsBody);
    const socket = await opened();
    const answer = heard(socket);
    socket.write(begins);
    const tap = setInterval(() => socket.write(drips), 10);
    const text = await answer;
    clearInterval(tap);
    expect(text).toMatch(/^HTTP\/1\.1 408 [^]*problem\+json[^]*Connection: close[^]*"request_timeout"/);
  });

  test("to read its answer is cut off, and what it has not read is let go", async () => {
    const { opened, connections } = await quickServer((_, res) => res.end(Buffer.alloc(64_000_000)));
    const socket = await opened();
    socket.pause().write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(await until(async () => (await connections()) === 1, WITHIN_MS)).toBe(true);
    expect(await until(async () => (await connections()) === 0, WITHIN_MS)).toBe(true);
  });

  test("does not pay for a service that is: who waits for an answer is not cut off", async () => {
    const { url } = await quickServer((_, res) => void res.once("timeout", () => res.end("late")));
    expect(await (await fetch(url)).text()).toBe("late");
  });
});

test("connections beyond so many are closed as they come, and those that are there are served", async () => {
  const { opened, url } = await quickServer(afterItsBody, { headersMs: WITHIN_MS, requestMs: WITHIN_MS });
  const [first] = await Promise.all([opened(), opened(), opened()]);
  expect(await heard(await opened())).toBe("");
  first.write(`GET / HTTP/1.1\r\nHost: ${new URL(url).host}\r\nConnection: close\r\n\r\n`);
  expect(await heard(first)).toMatch(/^HTTP\/1\.1 200 /);
});

test.each([
  ["a Host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"],
  ["an Expect that is known", "GET / HTTP/1.1\r\nHost: x\r\nExpect: gifts\r\nConnection: close\r\n\r\n"],
])("a request without %s is answered by us, not by Node", async (_, bytes) => {
  const { opened } = await quickServer(afterItsBody);
  const socket = await opened();
  socket.write(bytes);
  expect(await heard(socket)).toMatch(/^HTTP\/1\.1 200 [^]*done/);
});
