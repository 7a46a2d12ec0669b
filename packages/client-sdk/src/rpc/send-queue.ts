import type { EncodedMessage } from "@millrace/shared-types";

import { ResourceExhaustedError } from "../errors.js";
import { deferred } from "./deferred.js";
import type { TransportCall } from "./transport.js";

/** What may wait to be sent, in bytes: a sender that awaits each `send` never gets near it. */
const MAX_QUEUED_BYTES = 16 * 1_048_576;

/** What a waiting message costs besides its bytes. */
const ENTRY_BYTES = 64;

interface Entry {
  readonly message: EncodedMessage;
  readonly accepted: () => void;
}

/** Gives messages to a call one at a time, in order, as fast as the connection accepts them. */
export class SendQueue {
  readonly #call: TransportCall;
  /** In order; a set, because removing the first of many from an array is slow. */
  readonly #entries = new Set<Entry>();
  #bufferedBytes = 0;
  #idle: Promise<void> = Promise.resolve();
  #running = false;

  constructor(call: TransportCall) {
    this.#call = call;
  }

  /** Bytes that the connection has not accepted yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Resolves when the queue is empty. */
  get idle(): Promise<void> {
    return this.#idle;
  }

  /**
   * Resolves when the connection has accepted the message, or the call has ended.
   *
   * @throws {ResourceExhaustedError} if 16 MiB are waiting already
   */
  push(message: EncodedMessage): Promise<void> {
    const waitingBytes = this.#bufferedBytes + this.#entries.size * ENTRY_BYTES;
    if (waitingBytes > 0 && waitingBytes + message.byteLength > MAX_QUEUED_BYTES) {
      throw new ResourceExhaustedError(`${String(waitingBytes)} bytes wait to be sent already: await each send`);
    }
    this.#bufferedBytes += message.byteLength;
    const { promise, resolve } = deferred();
    this.#entries.add({ message, accepted: resolve });
    if (!this.#running) this.#idle = this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (const entry of this.#entries) {
      await this.#call.send(entry.message);
      this.#entries.delete(entry);
      this.#bufferedBytes -= entry.message.byteLength;
      entry.accepted();
    }
    this.#running = false;
  }
}
