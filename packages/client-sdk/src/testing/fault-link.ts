import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { latch, type Latch } from "./latch.js";

/** Bytes under way in one direction because of latency: reading pauses beyond. */
const MAX_IN_FLIGHT_BYTES = 1024 * 1024;

/** How a fault proxy treats what passes. May be changed at any time. */
export interface FaultProxyConditions {
  /** Bytes arrive this much later, in each direction, in milliseconds. Default 0. */
  latencyMs?: number;
  /** Of each direction of each connection. Default: no limit. */
  bytesPerSecond?: number;
}

/** One connection through a fault proxy: two sockets and what happens between them. */
export class FaultLink {
  /** Resolves once both sockets are closed. */
  readonly closed: Promise<void>;
  readonly #sockets: readonly [Socket, Socket];
  readonly #conditions: FaultProxyConditions;
  readonly #onBytes: (bytes: number) => void;
  readonly #cut = new AbortController();
  #hole: Latch | undefined;

  constructor(client: Socket, upstream: Socket, conditions: FaultProxyConditions, onBytes: (bytes: number) => void) {
    this.#sockets = [client, upstream];
    this.#conditions = conditions;
    this.#onBytes = onBytes;
    this.closed = this.#run(client, upstream);
  }

  /** Resets both sides. */
  cut(): void {
    this.#cut.abort();
    this.#hole?.open();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Lets nothing pass until {@link resume}. */
  stall(): void {
    this.#hole ??= latch();
  }

  resume(): void {
    this.#hole?.open();
    this.#hole = undefined;
  }

  async #run(client: Socket, upstream: Socket): Promise<void> {
    const closed = this.#sockets.map((socket) => new Promise<void>((resolve) => socket.once("close", () => resolve())));
    for (const socket of this.#sockets) {
      socket.setNoDelay(true);
      socket.on("error", () => this.cut());
      socket.on("close", () => {
        if (!socket.writableFinished || !socket.readableEnded) this.cut();
      });
    }
    // Whatever breaks one direction breaks the link, as it does on a wire.
    const lanes = [this.#carry(client, upstream), this.#carry(upstream, client)];
    for (const lane of lanes) lane.catch(() => this.cut());
    await Promise.all(closed);
    this.#cut.abort();
  }

  async #carry(from: Socket, to: Socket): Promise<void> {
    let inFlight = 0;
    let freeAt = 0;
    let last: Promise<void> = Promise.resolve();
    // A half-close of one side must not close the other.
    for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      freeAt = Math.max(freeAt, performance.now()) + this.#transferMs(chunk.length);
      await this.#sleep(freeAt - performance.now());
      inFlight += chunk.length;
      last = this.#deliver(last, chunk, to).finally(() => (inFlight -= chunk.length));
      last.catch(() => {}); // reported by whoever awaits the last one
      if (inFlight >= MAX_IN_FLIGHT_BYTES || this.#latencyMs === 0) await last;
    }
    await last;
    to.end();
  }

  get #latencyMs(): number {
    return this.#conditions.latencyMs ?? 0;
  }

  async #deliver(before: Promise<void>, chunk: Buffer, to: Socket): Promise<void> {
    const { signal } = this.#cut;
    await this.#sleep(this.#latencyMs);
    await before;
    await this.#hole?.promise;
    signal.throwIfAborted();
    this.#onBytes(chunk.length);
    signal.throwIfAborted();
    if (!to.write(chunk)) await once(to, "drain", { signal });
  }

  #transferMs(bytes: number): number {
    return (bytes * 1000) / (this.#conditions.bytesPerSecond ?? Infinity);
  }

  async #sleep(ms: number): Promise<void> {
    if (ms >= 1) await sleep(ms, undefined, { signal: this.#cut.signal });
  }
}
