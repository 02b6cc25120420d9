/**
 * A line to a server on which what is sent can be lost, held up, slowed down or cut: a TCP proxy, because a kernel that could
 * do it (netem) is not on every machine.
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";

interface Connection {
  readonly ends: readonly Socket[];
  /** Bytes of it are gone: nothing that comes later makes sense. */
  isTorn: boolean;
}

type Weather =
  | { readonly kind: "fair" }
  | { readonly kind: "blackhole" }
  | { readonly kind: "delay"; readonly byMs: number }
  | { readonly kind: "throttle"; readonly bytesPerS: number };

export class Line {
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #weather: Weather = { kind: "fair" };

  /** Opens a line to a server of this machine, by its address. */
  static async to(address: string): Promise<Line> {
    const line = new Line(Number(new URL(address).port));
    line.#server.listen(0, "127.0.0.1");
    await once(line.#server, "listening");
    return line;
  }

  private constructor(port: number) {
    this.#server = createServer({ noDelay: true }, (near) => {
      void this.#join(near, connect({ port, host: "127.0.0.1", noDelay: true }));
    });
  }

  /** The address of the server at the line's other end, as it is said at this end. */
  at(address: string): string {
    const url = new URL(address);
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** Resets every connection. Throws where there is none. */
  async reset(): Promise<void> {
    if (this.#connections.size === 0) throw new Error("there is no connection to reset");
    for (const connection of this.#connections) cut(connection);
  }

  /** Swallows all that is sent, both ways, and lets nobody know; what lost something by it is reset afterwards. */
  async blackhole(forMs: number): Promise<void> {
    await this.#during({ kind: "blackhole" }, forMs);
    for (const connection of this.#connections) if (connection.isTorn) cut(connection);
  }

  /** Brings every piece so much later. */
  async delay(byMs: number, forMs: number): Promise<void> {
    await this.#during({ kind: "delay", byMs }, forMs);
  }

  /** Brings no more than this, each way of each connection. */
  async throttle(bytesPerS: number, forMs: number): Promise<void> {
    await this.#during({ kind: "throttle", bytesPerS }, forMs);
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) cut(connection);
    this.#server.close();
    await once(this.#server, "close");
  }

  async #during(weather: Weather, forMs: number): Promise<void> {
    this.#weather = weather;
    await pause(forMs);
    this.#weather = { kind: "fair" };
  }

  async #join(near: Socket, far: Socket): Promise<void> {
    const connection: Connection = { ends: [near, far], isTorn: false };
    this.#connections.add(connection);
    try {
      await Promise.all([
        pipeline(near, (pieces: AsyncIterable<Buffer>) => this.#carry(pieces, connection), far),
        pipeline(far, (pieces: AsyncIterable<Buffer>) => this.#carry(pieces, connection), near),
      ]);
    } catch {
      // Whatever an end did, the other one hears of it as of a cable that was pulled.
      cut(connection);
    } finally {
      this.#connections.delete(connection);
    }
  }

  async *#carry(pieces: AsyncIterable<Buffer>, connection: Connection): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      const weather = this.#weather;
      if (weather.kind === "delay") await pause(weather.byMs);
      if (weather.kind === "throttle") await pause((piece.length / weather.bytesPerS) * 1000);
      if (this.#weather.kind === "blackhole") connection.isTorn = true;
      if (!connection.isTorn) yield piece;
    }
  }
}

function cut({ ends }: Connection): void {
  for (const end of ends) if (!end.destroyed) end.resetAndDestroy();
}
