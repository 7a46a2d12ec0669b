import type { Clock } from "../ports/clock.js";

/** Most that a wake is put off, in milliseconds. */
const MAX_REST_MS = 5;

/**
 * Leaves the event loop, between two wakes, as long a rest as the first one took, at most 5 ms. To wake a thousand watchers
 * costs little more for three publications than for one: what comes during the rest goes out with one wake, so that the
 * server is not busy with wakes alone long before it is with what they carry. Without load there is no rest to speak of.
 */
export class WakePace implements Disposable {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #isResting = false;
  #isDue = false;
  #cancelTimer: () => void = () => {};

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** Wakes now, or after the rest. */
  request(): void {
    if (this.#isResting) this.#isDue = true;
    else this.now();
  }

  /** Wakes without regard to a rest. */
  now(): void {
    this.#cancelTimer();
    this.#isDue = false;
    this.#isResting = true;
    const startedMs = this.#clock.monotonicMs();
    this.#wake();
    // Microtasks come first: what was written for those who were woken has gone to their sockets by then.
    const immediate = setImmediate(() => this.#rest(this.#clock.monotonicMs() - startedMs));
    this.#cancelTimer = () => clearImmediate(immediate);
  }

  [Symbol.dispose](): void {
    this.#cancelTimer();
  }

  #rest(tookMs: number): void {
    if (tookMs < 1) return this.#onRested();
    this.#cancelTimer = this.#clock.after(Math.min(tookMs, MAX_REST_MS), () => this.#onRested());
  }

  #onRested(): void {
    this.#isResting = false;
    if (this.#isDue) this.now();
  }
}
