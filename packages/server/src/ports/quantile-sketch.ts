/** How values are spread, for quantiles. Runs in workers too: imports only node: modules and what does so too. */

import type { WeightedValue } from "./distribution.js";

/** What an estimate may be off by, relative to the value. */
export const RELATIVE_ACCURACY = 0.01;

/** Bins of one sign that one sketch may have: at 1 % they span 17 decades. */
const MAX_BINS = 2048;

/** Share of the bins that are made one when there are too many: those of the smallest magnitudes. */
const COLLAPSED_SHARE = 1 / 8;

const GAMMA = (1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);
const MID_OF_BIN = 2 / (1 + GAMMA);

/** Bins that several sketches share: bounds what they take together. */
export class BinBudget {
  #left: number;

  constructor(bins: number) {
    this.#left = bins;
  }

  /** Whether there is one more, which is taken then. */
  take(): boolean {
    if (this.#left <= 0) return false;
    this.#left -= 1;
    return true;
  }

  giveBack(bins: number): void {
    this.#left += bins;
  }
}

/**
 * A DDSketch (https://arxiv.org/abs/1908.10693): values fall into bins that are 2 % wide, bin i from gamma^(i-1) to
 * gamma^i, and a quantile is the middle of its bin, at most 1 % off. Only bins with values take memory: about 40 bytes
 * each, at most 4096 of them, and no more than the budget has. When they do not suffice, those of the smallest
 * magnitudes become one.
 */
export class QuantileSketch {
  readonly #positive: Bins;
  readonly #negative: Bins;
  #zeros = 0;

  constructor(budget: BinBudget = new BinBudget(Infinity)) {
    this.#positive = new Bins(budget);
    this.#negative = new Bins(budget);
  }

  /** @param value finite @param weight above 0 */
  add(value: number, weight: number): void {
    if (value > 0) this.#positive.add(value, weight);
    else if (value < 0) this.#negative.add(-value, weight);
    else this.#zeros += weight;
  }

  /** The values below which these fractions lie; of nothing, zeros. */
  quantiles(fractions: readonly number[]): number[] {
    const bins = this.#ascending();
    const total = bins.reduce((sum, { weight }) => sum + weight, 0);
    return fractions.map((fraction) => valueAt(bins, fraction * Math.max(0, total - 1)));
  }

  /** All bins in order of value. */
  #ascending(): readonly WeightedValue[] {
    const negative = this.#negative.ascending().map(({ value, weight }) => ({ value: -value, weight }));
    const zero = this.#zeros > 0 ? [{ value: 0, weight: this.#zeros }] : [];
    return [...negative.toReversed(), ...zero, ...this.#positive.ascending()];
  }
}

/** The value at a rank, 0 for the smallest. */
function valueAt(ascending: readonly WeightedValue[], rank: number): number {
  let passed = 0;
  for (const { value, weight } of ascending) {
    passed += weight;
    if (passed > rank) return value;
  }
  return ascending.at(-1)?.value ?? 0;
}

/** Weights by magnitude. */
class Bins {
  readonly #budget: BinBudget;
  readonly #weights = new Map<number, number>();
  /** All that is smaller is in this bin. */
  #lowest = -Infinity;

  constructor(budget: BinBudget) {
    this.#budget = budget;
  }

  add(magnitude: number, weight: number): void {
    const bin = Math.max(Math.ceil(Math.log(magnitude) / LOG_GAMMA), this.#lowest);
    const before = this.#weights.get(bin);
    if (before !== undefined) this.#weights.set(bin, before + weight);
    else if (this.#mayGrow()) this.#weights.set(bin, weight);
    else this.#addToFull(magnitude, bin, weight);
  }

  ascending(): readonly WeightedValue[] {
    const bins = [...this.#weights].sort(([a], [b]) => a - b);
    return bins.map(([bin, weight]) => ({ value: middleOf(bin), weight }));
  }

  /** A first bin needs no budget: each sketch says something. */
  #mayGrow(): boolean {
    return this.#weights.size === 0 || (this.#weights.size < MAX_BINS && this.#budget.take());
  }

  #addToFull(magnitude: number, bin: number, weight: number): void {
    const bins = [...this.#weights.keys(), bin].sort((a, b) => a - b);
    const lowest = bins[Math.max(1, Math.floor(bins.length * COLLAPSED_SHARE))] ?? bin;
    let collapsed = 0;
    let freed = 0;
    for (const [at, held] of this.#weights) {
      if (at > lowest) continue;
      collapsed += held;
      freed += 1;
      this.#weights.delete(at);
    }
    this.#lowest = lowest;
    if (freed > 0) this.#weights.set(lowest, collapsed);
    this.#budget.giveBack(Math.max(0, freed - 1));
    this.add(magnitude, weight);
  }
}

/** Not beyond the largest number: the last bin's end is. */
function middleOf(bin: number): number {
  return Math.min(Math.exp(bin * LOG_GAMMA) * MID_OF_BIN, Number.MAX_VALUE);
}
