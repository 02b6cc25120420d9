/** The listening side: clients that are slow, requests that are not even HTTP, and leaving without cutting anybody off. */
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What one client may cost the others. */
export interface Bounds {
  /** How long a client may take for its headers, and for all of its request. */
  readonly headersMs: number;
  readonly requestMs: number;
  /** How often it is looked who has taken longer. */
  readonly checkMs: number;
  /** A client that takes nothing of its answer for so long is gone. */
  readonly unreadMs: number;
  /** Connections beyond it are closed as they come. */
  readonly connectionsMax: number;
}

const BOUNDS: Bounds = {
  headersMs: 10_000,
  requestMs: 30_000,
  checkMs: 1_000,
  unreadMs: 60_000,
  connectionsMax: 10_000,
};
/** Longer than the minute that load balancers keep a connection, so that they, not we, close it. */
const KEEP_ALIVE_MS = 65_000;
/**
 * Connections that wait to be taken while the loop is busy. One more is dropped by the kernel, and its client tries again after
 * 1, 3, 7, 15, 31 s: floods overflowed Node's own 511. Linux cuts it to net.core.somaxconn.
 */
const BACKLOG = 4_096;
/** How long open requests may take to end when the process leaves. */
const DRAIN_MS = 5_000;
const DRAIN_POLL_MS = 20;

/** Listens; answers when it does. Throws one sentence where the port cannot be had. */
export async function listen(
  app: RequestListener,
  host: string,
  port: number,
  { headersMs, requestMs, checkMs, unreadMs, connectionsMax }: Bounds = BOUNDS,
): Promise<Server> {
  const answer: RequestListener = (req, res) => {
    res.setTimeout(unreadMs, () => cutOffUnread(res));
    app(req, res);
  };
  const timeouts = { headersTimeout: headersMs, requestTimeout: requestMs, connectionsCheckingInterval: checkMs };
  // A request without a Host, or with an Expect that nobody knows, Node would answer itself, in words of its own.
  const server = createServer({ ...timeouts, keepAliveTimeout: KEEP_ALIVE_MS, requireHostHeader: false }, answer);
  server.maxConnections = connectionsMax;
  server.on("checkExpectation", answer);
  server.on("clientError", refuse);
  closeSilent(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(new Error(whyNot(cause, host, port), { cause })));
    server.listen({ port, host, backlog: BACKLOG }, resolve);
  });
  return server;
}

/** The address of a server that listens. */
export function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

/** Nothing has moved for a while: where something waits to be read, its reader is gone; else it is we who are slow. */
function cutOffUnread({ socket }: ServerResponse): void {
  if (socket !== null && socket.writableLength > 0) socket.destroy();
}

/** Tells the connections of a server that it takes no more requests. */
const LEAVING = "leaving";

/**
 * Browsers and Node's own fetch open connections ahead, and ask nothing on them for the time being. Node does not count
 * these as idle, so that each would hold up the end of the process.
 */
function closeSilent(server: Server): void {
  const open = new Set<Socket>();
  server.on("connection", (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  server.on(LEAVING, () => {
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
  });
}

/** Takes no new request, lets those that are open end within a bound, then closes every connection. */
export async function close(server: Server): Promise<void> {
  // Connections kept alive by clients count as open: each is closed as soon as it has nothing to do.
  const idle = setInterval(() => server.closeIdleConnections(), DRAIN_POLL_MS);
  const bound = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.emit(LEAVING);
  });
  clearInterval(idle);
  clearTimeout(bound);
}

function whyNot({ code, message }: NodeJS.ErrnoException, host: string, port: number): string {
  if (code === "EADDRINUSE")
    return `port ${port} on ${host} is taken: stop what listens there, or set GATEWAY_PORT to another`;
  if (code === "EACCES") return `port ${port} may not be used by this user: set GATEWAY_PORT to one above 1023`;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND")
    return `${host} is no address of this machine: set GATEWAY_HOST to one that is`;
  return `cannot listen on ${host} port ${port}: ${message}`;
}

// prettier-ignore
const REFUSALS: Readonly<Record<string, readonly [status: number, title: string, code: string]>> = {
  HPE_HEADER_OVERFLOW:      [431, "Request Header Fields Too Large", "headers_too_large"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "Request Timeout",                 "request_timeout"],
};

/** What Node cannot parse never becomes a request: it is answered here, on the bare connection. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const [status, title, code] = REFUSALS[error.code ?? ""] ?? [400, "Bad Request", "malformed_request"];
  const body = JSON.stringify({ type: "about:blank", title, status, code });
  const head = `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body);
}
