import type { Clock } from "../ports/clock.js";

/**
 * Passes the newest acknowledgement from whoever writes to whoever answers. It holds one: a newer one
 * says all that an older one said.
 */
export class AckSlot<T> {
  #newest: T | undefined;
  #closed = false;
  #wake: (() => void) | undefined;

  /** Replaces what was not taken yet. */
  put(ack: T): void {
    this.#newest = ack;
    this.#wake?.();
  }

  /** Nothing more comes. What is there can still be taken. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** The newest one, as soon as there is one; `undefined` once nothing more comes. One caller at a time. */
  async take(): Promise<T | undefined> {
    while (this.#newest === undefined && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#wake = undefined;
    const ack = this.#newest;
    this.#newest = undefined;
    return ack;
  }
}

/** Calls `beat` once a period until the result is called. */
export function everyPeriod(clock: Clock, periodMs: number, beat: () => void): () => void {
  let stop = clock.after(periodMs, onTime);
  function onTime(): void {
    beat();
    stop = clock.after(periodMs, onTime);
  }
  return () => stop();
}
