import { setImmediate } from "node:timers/promises";

import type { ClientClock } from "../options.js";
import { tally, type Tally } from "./tally.js";

interface Timer {
  readonly dueAt: number;
  readonly callback: () => void;
}

/**
 * Time that moves only when told to. Serves the client (`ClientOptions.clock`) and the server
 * (its `Clock` port) alike. Deadlines that travel on the wire are kept by the real clock: use
 * this one for what a runtime measures itself, such as idle timeouts and backoffs.
 */
export class VirtualClock implements ClientClock {
  readonly #startMs: number;
  #elapsedMs = 0;
  /** In the order in which they were set. */
  readonly #timers = new Set<Timer>();
  readonly #set: Tally = tally();

  /** @param startMs what `now` gives at first, in milliseconds since 1970. Default: the real time. */
  constructor(startMs: number = Date.now()) {
    this.#startMs = startMs;
  }

  now(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  /** Calls `callback` once, `delayMs` of virtual time from now; the returned function prevents it. */
  after(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { dueAt: this.#elapsedMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    this.#set.add();
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Timers that were set, have not run and were not prevented. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Delays of the pending timers from now, ascending, in milliseconds. */
  get delays(): readonly number[] {
    return [...this.#timers].map((timer) => timer.dueAt - this.#elapsedMs).toSorted((a, b) => a - b);
  }

  /** Resolves once at least `count` timers are pending. */
  async untilPending(count: number): Promise<void> {
    while (this.#timers.size < count) await this.#set.reached(this.#set.count + 1);
  }

  /**
   * Moves time by `ms` and runs the timers that fall due, earliest first, each at its own moment.
   * Between two timers everything that the first one caused gets its turn, so that timers set
   * meanwhile run too if they fall into the same span.
   */
  async advance(ms: number): Promise<void> {
    const until = this.#elapsedMs + ms;
    for (let timer = this.#next(until); timer !== undefined; timer = this.#next(until)) {
      this.#timers.delete(timer);
      this.#elapsedMs = Math.max(this.#elapsedMs, timer.dueAt);
      timer.callback();
      await setImmediate();
    }
    this.#elapsedMs = until;
  }

  #next(until: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAt <= until && (next === undefined || timer.dueAt < next.dueAt)) next = timer;
    }
    return next;
  }
}
