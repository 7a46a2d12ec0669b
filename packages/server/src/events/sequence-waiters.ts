/** Who waits for something of the log. It stops waiting by itself when either is called. */
export interface Waiter {
  wake(): void;
  fail(reason: Error): void;
}

/** Those who wait until the log has reached a sequence. Costs nothing as long as it has reached none of theirs. */
export class SequenceWaiters {
  readonly #waiters = new Map<Waiter, number>();
  /** No sequence waited for is lower. */
  #lowest = Infinity;

  add(waiter: Waiter, sequence: number): void {
    this.#waiters.set(waiter, sequence);
    this.#lowest = Math.min(this.#lowest, sequence);
  }

  delete(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  /** Wakes those whose sequence is `last` or lower. */
  onReached(last: number): void {
    if (last < this.#lowest) return;
    for (const [waiter, sequence] of this.#waiters) if (sequence <= last) waiter.wake();
    this.#lowest = Math.min(...this.#waiters.values());
  }
}
