import type { ProcessRequest } from "@millrace/shared-types";

import { deferred, type Deferred } from "../rpc/deferred.js";
import type { RequestSource } from "../rpc/rpc.js";
import { sizeOfItem, toItemRequest } from "./item-request.js";
import type { BatchItem } from "./types.js";

/** An item without a result. */
export interface PendingItem<T extends BatchItem> {
  readonly index: number;
  readonly item: T;
  readonly request: ProcessRequest;
  readonly bytes: number;
}

export interface PendingLimits {
  readonly maxItems: number;
  readonly maxBytes: number;
}

/**
 * The items of a batch that were read and have no result yet, in order. Reads more only as there is room: holds at most
 * `maxItems`, and `maxBytes` and one item.
 */
export class PendingItems<T extends BatchItem> {
  readonly #source: Iterator<T, unknown, undefined> | AsyncIterator<T, unknown, undefined>;
  readonly #operation: string | undefined;
  readonly #limits: PendingLimits;
  /** By index, in order. */
  readonly #items = new Map<number, PendingItem<T>>();
  #bytes = 0;
  #nextIndex = 0;
  /** A read that was begun, also for a stream that is gone. */
  #reading: Promise<void> | undefined;
  #isExhausted = false;
  #failure: { readonly error: unknown } | undefined;
  #room: Deferred<void> | undefined;

  constructor(items: RequestSource<T>, operation: string | undefined, limits: PendingLimits) {
    this.#source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    this.#operation = operation;
    this.#limits = limits;
  }

  get size(): number {
    return this.#items.size;
  }

  /**
   * The first item from `index` on; read if need be. `undefined` if there are no more.
   *
   * @throws whatever the source throws
   * @throws {TypeError} for an item that is none
   */
  async from(index: number): Promise<PendingItem<T> | undefined> {
    for (;;) {
      const found = this.#find(index);
      if (found !== undefined || this.#isExhausted) return found;
      if (this.#isFull) await this.#untilRoom();
      else await this.#readOne();
    }
  }

  /** Takes out an item that has its result. */
  take(index: number): PendingItem<T> | undefined {
    const item = this.#items.get(index);
    if (item === undefined) return undefined;
    this.#items.delete(index);
    this.#bytes -= item.bytes;
    this.#room?.resolve();
    this.#room = undefined;
    return item;
  }

  /** Closes the source. One that waits may never answer, so its answer is not waited for. */
  leave(): void {
    try {
      void Promise.resolve(this.#source.return?.()).catch(() => undefined);
    } catch {
      // It is of no use any more.
    }
  }

  /** Items are asked for in order: most often it is the one that was read last. */
  #find(index: number): PendingItem<T> | undefined {
    if (index >= this.#nextIndex) return undefined;
    for (let at = index; at < this.#nextIndex; at++) {
      const item = this.#items.get(at);
      if (item !== undefined) return item;
    }
    return undefined;
  }

  get #isFull(): boolean {
    return this.#items.size >= this.#limits.maxItems || this.#bytes >= this.#limits.maxBytes;
  }

  #untilRoom(): Promise<void> {
    this.#room ??= deferred();
    return this.#room.promise;
  }

  /** A source that has failed is not asked again, and nobody is told that it is at its end. */
  async #readOne(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    try {
      await this.#reading;
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  async #read(): Promise<void> {
    const step = await this.#source.next();
    if (step.done === true) {
      this.#isExhausted = true;
      return;
    }
    const item = step.value;
    const request = toItemRequest(item, this.#operation);
    const bytes = sizeOfItem(request);
    const index = this.#nextIndex++;
    this.#items.set(index, { index, item, request, bytes });
    this.#bytes += bytes;
  }
}
