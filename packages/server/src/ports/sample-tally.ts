/** What samples say together. Runs in workers too: imports only node: modules and what does so too. */
import type { Aggregate } from "./metric-store.js";
import { type BinBudget, QuantileSketch } from "./quantile-sketch.js";

/** A sum that does not lose what is small beside what is large (Neumaier). */
export class CompensatedSum {
  #sum = 0;
  #lost = 0;

  add(value: number): void {
    const sum = this.#sum + value;
    this.#lost += Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - sum + value : value - sum + this.#sum;
    this.#sum = sum;
  }

  get value(): number {
    // Beyond the largest number the sum is infinite, and what was lost is not a number.
    return Number.isFinite(this.#sum) ? this.#sum + this.#lost : this.#sum;
  }
}

/** Aggregates samples one by one, in constant memory but for the bins of its sketch. */
export class SampleTally {
  readonly #sum = new CompensatedSum();
  readonly #sketch: QuantileSketch | undefined;
  #count = 0;
  #mean = 0;
  /** Sum of squared distances from the mean (Welford). */
  #squares = 0;
  #min = Infinity;
  #max = -Infinity;
  #last = 0;
  #firstMs = Infinity;
  #lastMs = -Infinity;

  /** @param bins of its sketch; left out: it has none, and no quantiles */
  constructor(bins?: BinBudget) {
    this.#sketch = bins && new QuantileSketch(bins);
  }

  add(value: number, weight: number, timeMs: number): void {
    this.#sum.add(value * weight);
    this.#count += weight;
    const distance = value - this.#mean;
    this.#mean += distance * (weight / this.#count); // of a first sample exactly its value
    this.#squares += weight * distance * (value - this.#mean);
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    if (timeMs < this.#firstMs) this.#firstMs = timeMs;
    if (timeMs >= this.#lastMs) {
      this.#lastMs = timeMs;
      this.#last = value;
    }
    this.#sketch?.add(value, weight);
  }

  get sum(): number {
    return this.#sum.value;
  }

  /** Of one sample at least. @param quantiles from 0 to 1 */
  aggregate(quantiles: readonly number[]): Aggregate {
    const sum = this.#sum.value;
    return {
      count: this.#count,
      sum,
      min: this.#min,
      max: this.#max,
      avg: sum / this.#count,
      stddev: Number.isFinite(this.#squares) ? Math.sqrt(Math.max(0, this.#squares / this.#count)) : Infinity,
      last: this.#last,
      firstMs: this.#firstMs,
      lastMs: this.#lastMs,
      quantiles: this.#quantiles(quantiles),
    };
  }

  /** The smallest and the largest are known exactly. */
  #quantiles(fractions: readonly number[]): number[] {
    const estimates = this.#sketch?.quantiles(fractions) ?? [];
    return estimates.map((estimate, index) => {
      if (fractions[index] === 0) return this.#min;
      return fractions[index] === 1 ? this.#max : Math.min(Math.max(estimate, this.#min), this.#max);
    });
  }
}
