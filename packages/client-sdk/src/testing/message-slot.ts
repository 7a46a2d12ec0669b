import { latch, type Latch } from "./latch.js";

/**
 * Hands messages from one side of a call to the other, in order. Holds at most one message that
 * was not asked for, so a side that takes nothing holds the side that puts.
 */
export class MessageSlot {
  #held: Uint8Array | undefined;
  #state: "open" | "ended" | "closed" = "open";
  #offered: { readonly message: Uint8Array; readonly settle: (accepted: boolean) => void } | undefined;
  #taker: ((message: Uint8Array | undefined) => void) | undefined;
  readonly #drained: Latch = latch();

  /** Resolves once nothing can be taken any more: ended with every message taken, or closed. */
  get drained(): Promise<void> {
    return this.#drained.promise;
  }

  /** Resolves with true when the slot has the message, with false when it is closed. One at a time. */
  put(message: Uint8Array): Promise<boolean> {
    if (this.#state !== "open") return Promise.resolve(false);
    if (this.#taker !== undefined) {
      this.#settleTaker(message);
      return Promise.resolve(true);
    }
    if (this.#held === undefined) {
      this.#held = message;
      return Promise.resolve(true);
    }
    return new Promise((settle) => (this.#offered = { message, settle }));
  }

  /** Next message; `undefined` when there is none any more. One at a time. */
  take(): Promise<Uint8Array | undefined> {
    const message = this.#held;
    if (message !== undefined) {
      this.#held = this.#offered?.message;
      this.#offered?.settle(true);
      this.#offered = undefined;
      if (this.#state === "ended" && this.#held === undefined) this.#drained.open();
      return Promise.resolve(message);
    }
    if (this.#state !== "open") return Promise.resolve(undefined);
    return new Promise((resolve) => (this.#taker = resolve));
  }

  /** No more messages follow: what the slot has can still be taken, a `put` that waits is refused. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.#offered?.settle(false);
    this.#offered = undefined;
    this.#settleTaker(undefined);
    if (this.#held === undefined) this.#drained.open();
  }

  /** Drops what nobody took and settles whoever waits. */
  close(): void {
    this.#state = "closed";
    this.#held = undefined;
    this.#offered?.settle(false);
    this.#offered = undefined;
    this.#settleTaker(undefined);
    this.#drained.open();
  }

  #settleTaker(message: Uint8Array | undefined): void {
    const taker = this.#taker;
    this.#taker = undefined;
    taker?.(message);
  }
}
