import type { Clock } from "../ports/clock.js";

interface Held<T> {
  /** What came since the last one was passed on: the newest. */
  next: { readonly value: T } | undefined;
  readonly cancelTimer: () => void;
}

/** Passes values on, at most one of each key in a period: the first at once, then the newest of each period. */
export class Throttle<T> {
  readonly #clock: Clock;
  readonly #periodMs: number;
  readonly #pass: (key: string, value: T) => void;
  /** Keys of which one was passed on within the period. */
  readonly #held = new Map<string, Held<T>>();

  constructor(clock: Clock, periodMs: number, pass: (key: string, value: T) => void) {
    this.#clock = clock;
    this.#periodMs = periodMs;
    this.#pass = pass;
  }

  offer(key: string, value: T): void {
    const held = this.#held.get(key);
    if (held === undefined) this.#passNow(key, value);
    else held.next = { value };
  }

  /** Passes on what is held of `key`, and begins anew with it. */
  flush(key: string): void {
    const held = this.#held.get(key);
    held?.cancelTimer();
    this.#held.delete(key);
    if (held?.next !== undefined) this.#pass(key, held.next.value);
  }

  /** Passes on all that is held. */
  flushAll(): void {
    for (const key of [...this.#held.keys()]) this.flush(key);
  }

  #passNow(key: string, value: T): void {
    const cancelTimer = this.#clock.after(this.#periodMs, () => this.#onPeriod(key));
    this.#held.set(key, { next: undefined, cancelTimer });
    this.#pass(key, value);
  }

  #onPeriod(key: string): void {
    const next = this.#held.get(key)?.next;
    this.#held.delete(key);
    if (next !== undefined) this.#passNow(key, next.value);
  }
}
