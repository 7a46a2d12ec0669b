/** The time, as far as the server knows it. Tests put a clock of their own here. */
export interface Clock {
  /** Wall clock in milliseconds since 1970: for what people read. */
  now(): number;
  /** Milliseconds since an arbitrary start that never go backwards: for measuring. */
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs`; the returned function prevents it. Never keeps the process alive. */
  after(delayMs: number, callback: () => void): () => void;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
