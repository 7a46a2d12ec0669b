import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

import type { Clock } from "../ports/clock.js";
import type { Logger } from "./logger.js";

export interface ListenerLimits {
  /** Open connections at most; more are closed at once. */
  readonly maxConnections: number;
  /** Open connections of one address at most. */
  readonly maxConnectionsPerAddress: number;
  /** Longest wait for the first bytes of HTTP/2, in milliseconds. */
  readonly handshakeMs: number;
}

/** Bytes of the HTTP/2 client preface (24) and of the smallest SETTINGS frame (9). */
const PREFACE_BYTES = 33;

/**
 * Our own listening socket in front of the HTTP/2 server: it knows every connection, so that it can
 * count them, drop silent ones and close all of them.
 */
export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #addresses = new Map<string, number>();
  readonly #limits: ListenerLimits;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onConnection: (socket: Socket) => void;
  #portReleased = false;
  #onClosed: () => void = () => {};

  constructor(limits: ListenerLimits, clock: Clock, log: Logger, onConnection: (socket: Socket) => void) {
    this.#limits = limits;
    this.#clock = clock;
    this.#log = log;
    this.#onConnection = onConnection;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server.once("close", () => {
      this.#portReleased = true;
      this.#checkClosed();
    });
  }

  /** Open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Binds and listens. Rejects with the system's error, such as EADDRINUSE. */
  listen(host: string, port: number): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        this.#server.on("error", (error) => this.#log.error({ err: error }, "cannot accept connections"));
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  /** Accepts no more connections and gives back the port. Connections go on. */
  stopListening(): void {
    this.#server.close();
  }

  /** Resolves once the port is given back and all connections are closed, or when `signal` aborts. Only one may wait. */
  whenClosed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#onClosed = () => {};
        signal.removeEventListener("abort", settle);
        resolve();
      };
      this.#onClosed = settle;
      signal.addEventListener("abort", settle, { once: true });
      if (signal.aborted) settle();
      else this.#checkClosed();
    });
  }

  /** Cuts all connections. */
  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    const address = socket.remoteAddress ?? "";
    const ofAddress = this.#addresses.get(address) ?? 0;
    if (this.#sockets.size >= this.#limits.maxConnections || ofAddress >= this.#limits.maxConnectionsPerAddress) {
      this.#log.warn({ address, connections: this.#sockets.size, ofAddress }, "connection refused: too many");
      socket.destroy();
      return;
    }
    socket.on("error", () => {}); // its `close` follows; unheard, it would end the process
    this.#sockets.add(socket);
    this.#addresses.set(address, ofAddress + 1);
    const cancelTimer = this.#dropIfSilent(socket);
    socket.once("close", () => {
      cancelTimer();
      this.#forget(socket, address);
    });
    this.#onConnection(socket);
  }

  #forget(socket: Socket, address: string): void {
    this.#sockets.delete(socket);
    const left = (this.#addresses.get(address) ?? 1) - 1;
    if (left === 0) this.#addresses.delete(address);
    else this.#addresses.set(address, left);
    this.#checkClosed();
  }

  #checkClosed(): void {
    if (this.#portReleased && this.#sockets.size === 0) this.#onClosed();
  }

  #dropIfSilent(socket: Socket): () => void {
    return this.#clock.after(this.#limits.handshakeMs, () => {
      if (socket.bytesRead < PREFACE_BYTES) socket.destroy();
    });
  }
}
