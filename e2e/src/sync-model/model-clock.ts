/** The time of a history: stands still until it is moved. What is put off comes soon, whatever the delay. */
export class ModelClock {
  #nowMs: number;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = setTimeout(callback, Math.min(delayMs, 1));
    return () => clearTimeout(timer);
  }

  /** The same time, as a clock shows it that is wrong by so much. */
  skewedBy(ms: number): Pick<ModelClock, "now" | "after"> {
    return { now: () => this.#nowMs + ms, after: (delayMs, callback) => this.after(delayMs, callback) };
  }
}
