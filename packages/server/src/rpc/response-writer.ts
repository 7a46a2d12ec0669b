import type { EncodedMessage } from "@millrace/shared-types";

import type { Pack } from "./packed-messages.js";
import type { Watchdog } from "./watchdog.js";
import type { WireCall } from "./wire-call.js";

/** Most bytes of responses that a call hands to the transport before the peer has taken them; one message may be larger. */
export const MAX_UNWRITTEN_BYTES: number = 256 * 1024;

/** What a message costs besides its bytes (frame, callback, write request): bounds the number of tiny ones in flight. */
const MESSAGE_OVERHEAD_BYTES = 256;

interface Waiter {
  readonly costBytes: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Writes the responses of one call, several at a time but at most {@link MAX_UNWRITTEN_BYTES}. Waits for
 * the write callbacks and not for `drain`, which counts messages; fails with the call, because a
 * cancelled call never calls back.
 */
export class ResponseWriter {
  readonly #wire: WireCall;
  readonly #stall: Watchdog;
  #unwrittenBytes = 0;
  #messages = 0;
  #waiter: Waiter | undefined;
  #failure: { readonly reason: unknown } | undefined;

  constructor(wire: WireCall, stall: Watchdog) {
    this.#wire = wire;
    this.#stall = stall;
  }

  /** Messages written so far. */
  get messages(): number {
    return this.#messages;
  }

  /**
   * Sends `message`. Gives nothing if there was room, else a promise that resolves once it is sent and
   * rejects with the reason the call ends with. One call at a time.
   */
  write(message: EncodedMessage): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.reason);
    return this.#write(message, 1);
  }

  /** As `write`, for several that go out together. */
  writeAll(packs: readonly Pack[]): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.reason);
    return this.#writeFrom(packs, 0);
  }

  #writeFrom(packs: readonly Pack[], start: number): Promise<void> | undefined {
    for (let at = start; at < packs.length; at++) {
      const pack = packs[at] as Pack;
      const full = this.#write(pack, pack.count);
      if (full !== undefined) return full.then(() => this.#writeFrom(packs, at + 1));
    }
    return undefined;
  }

  #write(message: EncodedMessage, count: number): Promise<void> | undefined {
    const costBytes = message.byteLength + count * MESSAGE_OVERHEAD_BYTES;
    if (this.#hasRoomFor(costBytes)) return this.#send(message, count, costBytes);
    return this.#untilRoomFor(costBytes).then(() => this.#send(message, count, costBytes));
  }

  /** Fails the write that waits and all later ones. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#stall.close();
    this.#waiter?.reject(reason);
    this.#waiter = undefined;
  }

  #hasRoomFor(costBytes: number): boolean {
    return this.#unwrittenBytes === 0 || this.#unwrittenBytes + costBytes <= MAX_UNWRITTEN_BYTES;
  }

  #untilRoomFor(costBytes: number): Promise<void> {
    this.#stall.start();
    return new Promise((resolve, reject) => (this.#waiter = { costBytes, resolve, reject }));
  }

  #send(message: EncodedMessage, count: number, costBytes: number): undefined {
    this.#unwrittenBytes += costBytes;
    this.#messages += count;
    this.#wire.send(message, () => this.#onWritten(costBytes));
  }

  #onWritten(costBytes: number): void {
    this.#unwrittenBytes -= costBytes;
    this.#stall.touch();
    const waiter = this.#waiter;
    if (waiter === undefined || !this.#hasRoomFor(waiter.costBytes)) return;
    this.#waiter = undefined;
    this.#stall.stop();
    waiter.resolve();
  }
}
