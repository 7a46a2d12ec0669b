import type { MetricDistribution } from "./types.js";

const RELATIVE_ACCURACY = 0.01;
const LOG_GAMMA: number = Math.log((1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY));

/** Bins of one sign, 17 decades: beyond that the two of the smallest magnitudes become one. */
const MAX_BINS = 2048;

/**
 * Aggregates values where they arise, so that one sample stands for any number of them; quantiles stay at most 1 % off.
 * Takes 160 KiB at most, whatever comes.
 */
export class DistributionRecorder {
  #positive = new Map<number, number>();
  #negative = new Map<number, number>();
  #count = 0;
  #zeros = 0;
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;

  /** Values since the last `take`. */
  get count(): number {
    return this.#count;
  }

  /** @throws {RangeError} unless the value is finite */
  add(value: number): void {
    if (!Number.isFinite(value)) throw new RangeError(`${String(value)} is not a finite number`);
    this.#count++;
    this.#sum += value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
    if (value > 0) addTo(this.#positive, value);
    else if (value < 0) addTo(this.#negative, -value);
    else this.#zeros++;
  }

  /** What was added since the last call, for a sample; `undefined` if that is nothing. Begins anew. */
  take(): MetricDistribution | undefined {
    if (this.#count === 0) return undefined;
    const taken = {
      count: this.#count,
      sum: this.#sum,
      min: this.#min,
      max: this.#max,
      relativeAccuracy: RELATIVE_ACCURACY,
      positiveBins: this.#positive,
      negativeBins: this.#negative,
      zeroCount: this.#zeros,
    };
    this.#positive = new Map();
    this.#negative = new Map();
    [this.#count, this.#zeros, this.#sum, this.#min, this.#max] = [0, 0, 0, Infinity, -Infinity];
    return taken;
  }
}

function addTo(bins: Map<number, number>, magnitude: number): void {
  const bin = Math.ceil(Math.log(magnitude) / LOG_GAMMA);
  bins.set(bin, (bins.get(bin) ?? 0) + 1);
  if (bins.size <= MAX_BINS) return;
  const [lowest = bin, next = bin] = [...bins.keys()].sort((a, b) => a - b);
  bins.set(next, (bins.get(next) ?? 0) + (bins.get(lowest) ?? 0));
  bins.delete(lowest);
}
