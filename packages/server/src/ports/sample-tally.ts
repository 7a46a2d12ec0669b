/** What samples say together. Runs in workers too: imports only node: modules and what does so too. */
import type { SampleRow } from "./aggregate-windows.js";
import { unpackDistribution } from "./distribution.js";
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
  /** Weight of all that the mean and the squares are of. */
  #spread = 0;
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

  add({ value, weight, timeMs, sketch }: SampleRow): void {
    if (sketch === undefined) this.#addPlain(value, weight);
    else this.#addDistribution(sketch);
    this.#count += weight;
    if (timeMs < this.#firstMs) this.#firstMs = timeMs;
    if (timeMs >= this.#lastMs) {
      this.#lastMs = timeMs;
      this.#last = value;
    }
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
      stddev: Number.isFinite(this.#squares) ? Math.sqrt(Math.max(0, this.#squares / this.#spread)) : Infinity,
      last: this.#last,
      firstMs: this.#firstMs,
      lastMs: this.#lastMs,
      quantiles: this.#quantiles(quantiles),
    };
  }

  #addPlain(value: number, weight: number): void {
    this.#sum.add(value * weight);
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    this.#addToSpread(value, weight);
  }

  #addDistribution(sketch: Uint8Array): void {
    const { sum, min, max, bins } = unpackDistribution(sketch);
    this.#sum.add(sum);
    this.#min = Math.min(this.#min, min);
    this.#max = Math.max(this.#max, max);
    for (const { value, weight } of bins) this.#addToSpread(value, weight);
  }

  #addToSpread(value: number, weight: number): void {
    this.#spread += weight;
    const distance = value - this.#mean;
    this.#mean += distance * (weight / this.#spread); // of a first sample exactly its value
    this.#squares += weight * distance * (value - this.#mean);
    this.#sketch?.add(value, weight);
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
