import type { Clock } from "../ports/clock.js";

export interface WakePaceOptions {
  readonly clock: Clock;
  /** Most that a wake is put off, in milliseconds. 0: to the next turn of the event loop. */
  readonly maxRestMs: number;
  readonly wake: () => void;
}

/**
 * Leaves the event loop, between two wakes, as long a rest as the first one took, up to a bound. To wake a thousand watchers
 * costs little more for three publications than for one: what comes during the rest goes out with one wake, so that the
 * server is not busy with wakes alone long before it is with what they carry. Without load there is no rest to speak of.
 */
export class WakePace implements Disposable {
  readonly #options: WakePaceOptions;
  #isResting = false;
  #isDue = false;
  #cancelTimer: () => void = () => {};

  constructor(options: WakePaceOptions) {
    this.#options = options;
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
    const { clock, wake } = this.#options;
    const startedMs = clock.monotonicMs();
    wake();
    // Microtasks come first: what was written for those who were woken has gone to their sockets by then.
    const immediate = setImmediate(() => this.#rest(clock.monotonicMs() - startedMs));
    this.#cancelTimer = () => clearImmediate(immediate);
  }

  [Symbol.dispose](): void {
    this.#cancelTimer();
  }

  #rest(tookMs: number): void {
    const { clock, maxRestMs } = this.#options;
    const restMs = Math.min(tookMs, maxRestMs);
    if (restMs < 1) this.#onRested();
    else this.#cancelTimer = clock.after(restMs, () => this.#onRested());
  }

  #onRested(): void {
    this.#isResting = false;
    if (this.#isDue) this.now();
  }
}
