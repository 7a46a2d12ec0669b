import { once } from "node:events";
import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net";

import { FaultLink, type FaultProxyConditions } from "./fault-link.js";

/** A TCP proxy on loopback whose connections fail when a test says so. */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  /** `127.0.0.1:port`, for a client's `target`. */
  readonly target: string;
  readonly conditions: FaultProxyConditions;
  /** Connections that are open now. */
  readonly connections: number;
  /** Connections that were accepted so far. */
  readonly accepted: number;
  /** Bytes that passed so far, in both directions. */
  readonly bytes: number;
  /** Resets all connections (RST). */
  cut(): void;
  /** Resets all connections once this many more bytes have passed, both directions counted. */
  cutAfterBytes(bytes: number): void;
  /** A black hole: connections stay open, nothing passes, until `resume`. */
  stall(): void;
  resume(): void;
  /** Resets new connections at once, until `accept`. */
  refuse(): void;
  accept(): void;
  /** Sends new connections elsewhere, such as to a server that was started anew. */
  redirect(port: number): void;
}

/** Opens a proxy on a free port of loopback in front of `127.0.0.1:port`. */
export async function openFaultProxy(port: number, conditions: FaultProxyConditions = {}): Promise<FaultProxy> {
  const server = createServer({ allowHalfOpen: true });
  const proxy = new LoopbackProxy(server, port, conditions);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return proxy;
}

class LoopbackProxy implements FaultProxy {
  readonly conditions: FaultProxyConditions;
  readonly #server: Server;
  readonly #links = new Set<FaultLink>();
  #upstreamPort: number;
  #accepted = 0;
  #bytes = 0;
  #cutAt = Infinity;
  #refusing = false;
  #stalled = false;

  constructor(server: Server, upstreamPort: number, conditions: FaultProxyConditions) {
    this.#server = server;
    this.#upstreamPort = upstreamPort;
    this.conditions = { ...conditions };
    server.on("connection", (socket) => this.#onConnection(socket));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get target(): string {
    return `127.0.0.1:${String(this.port)}`;
  }

  get connections(): number {
    return this.#links.size;
  }

  get accepted(): number {
    return this.#accepted;
  }

  get bytes(): number {
    return this.#bytes;
  }

  cut(): void {
    for (const link of [...this.#links]) link.cut();
  }

  cutAfterBytes(bytes: number): void {
    this.#cutAt = this.#bytes + bytes;
  }

  stall(): void {
    this.#stalled = true;
    for (const link of this.#links) link.stall();
  }

  resume(): void {
    this.#stalled = false;
    for (const link of this.#links) link.resume();
  }

  refuse(): void {
    this.#refusing = true;
  }

  accept(): void {
    this.#refusing = false;
  }

  redirect(port: number): void {
    this.#upstreamPort = port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.cut();
    await closed;
  }

  #onConnection(client: Socket): void {
    this.#accepted++;
    if (this.#refusing) return void client.on("error", () => {}).resetAndDestroy();
    const upstream = connect({ port: this.#upstreamPort, host: "127.0.0.1", allowHalfOpen: true });
    const link = new FaultLink(client, upstream, this.conditions, (bytes) => this.#onBytes(bytes));
    if (this.#stalled) link.stall();
    this.#links.add(link);
    void link.closed.then(() => this.#links.delete(link));
  }

  #onBytes(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#cutAt) return;
    this.#cutAt = Infinity;
    this.cut();
  }
}
