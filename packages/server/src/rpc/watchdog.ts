import type { Clock } from "../ports/clock.js";

/**
 * Calls `onTimeout` once when `timeoutMs` pass between `start` and `stop` without a `touch`.
 * One timer however often it is touched: it is set again only when it fires too early. 0 turns it off.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #onTimeout: () => void;
  #lastTouchMs = 0;
  #armed = false;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock, timeoutMs: number, onTimeout: () => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#onTimeout = onTimeout;
  }

  /** Begins to measure. */
  start(): void {
    if (this.#timeoutMs === 0) return;
    this.#armed = true;
    this.touch();
    if (this.#cancelTimer === undefined) this.#setTimer(this.#timeoutMs);
  }

  /** There was progress. */
  touch(): void {
    this.#lastTouchMs = this.#clock.monotonicMs();
  }

  /** Stops measuring; the timer, if one is set, stays for the next start. */
  stop(): void {
    this.#armed = false;
  }

  /** Stops for good and gives back the timer. */
  close(): void {
    this.#armed = false;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #setTimer(delayMs: number): void {
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#check());
  }

  #check(): void {
    this.#cancelTimer = undefined;
    if (!this.#armed) return;
    const leftMs = this.#lastTouchMs + this.#timeoutMs - this.#clock.monotonicMs();
    if (leftMs > 0) return this.#setTimer(leftMs);
    this.#armed = false;
    this.#onTimeout();
  }
}
