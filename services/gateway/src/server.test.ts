import { EventEmitter, once } from "node:events";
import { Agent, request, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
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
