import { AsyncLocalStorage } from "node:async_hooks";
import diagnostics from "node:diagnostics_channel";
import type { Socket } from "node:net";

const owner = new AsyncLocalStorage<ConnectionSockets>();

// Node announces every socket that `net.connect` makes, in the context of whoever asked for it.
diagnostics.subscribe("net.client.socket", (message) => {
  owner.getStore()?.add((message as { readonly socket: Socket }).socket);
});

/**
 * The sockets that a grpc-js channel opens. grpc-js has no way to give up an attempt to connect:
 * one that hangs (a dropped SYN, a TLS or HTTP/2 handshake without an answer) would keep the
 * process alive until the operating system gives up, or for ever.
 */
export class ConnectionSockets {
  /** Those that have not carried a ready connection yet. */
  readonly #connecting = new Set<Socket>();
  readonly #established = new Set<Socket>();

  /** Runs `action`; the sockets that it causes to be opened, now or later, belong here. */
  run<T>(action: () => T): T {
    return owner.run(this, action);
  }

  add(socket: Socket): void {
    this.#connecting.add(socket);
    socket.once("close", () => {
      this.#connecting.delete(socket);
      this.#established.delete(socket);
    });
  }

  /** A connection is ready: other attempts are of no use any more. */
  ready(): void {
    for (const socket of this.#connecting) {
      if (socket.connecting) socket.destroy();
      else this.#established.add(socket);
    }
    this.#connecting.clear();
  }

  /** Gives up all attempts under way. */
  abandonAttempts(): void {
    for (const socket of this.#connecting) socket.destroy();
  }

  /** Resolves when all sockets are closed; those that are still open after `graceMs` are destroyed. */
  async closed(graceMs: number): Promise<void> {
    this.abandonAttempts();
    const open = [...this.#connecting, ...this.#established];
    const timer = setTimeout(() => {
      for (const socket of open) socket.destroy();
    }, graceMs);
    await Promise.all(open.map((socket) => closeOf(socket)));
    clearTimeout(timer);
  }
}

function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });
}
