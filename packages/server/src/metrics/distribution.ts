import { type Distribution, MAX_DISTRIBUTION_BINS, type Metric, MetricKind } from "@millrace/shared-types";

import type { DistributionParts, WeightedValue } from "../ports/distribution.js";

import type { SampleRefusal } from "./sample-refusal.js";

const MIN_ACCURACY = 0.001;
const MAX_ACCURACY = 0.5;

/** Exponents of e beyond which there is no double. */
const MAX_EXPONENT = 709;

/** What counts and sums may be off by for having been added up, relative to them. */
const TOLERANCE = 1e-6;

/** What is wrong with the distribution of a sample, or with its having one, or none; `undefined`: nothing. */
export function distributionRefusal(metric: Metric): SampleRefusal | undefined {
  const { distribution, kind, value, weight } = metric;
  if (distribution === undefined) {
    return kind === MetricKind.DISTRIBUTION ? refusal("must be set with kind DISTRIBUTION") : undefined;
  }
  if (kind !== MetricKind.DISTRIBUTION) return refusal("must not be set but with kind DISTRIBUTION");
  if (value !== 0 || weight !== 0) return refusal("must be set instead of value and weight");
  return numbersRefusal(distribution) ?? binsRefusal(distribution);
}

/** A distribution of which nothing is wrong, with the middle of each bin in place of its number. */
export function partsOf(distribution: Distribution): DistributionParts {
  const { sum, min, max, relativeAccuracy, positiveBins, negativeBins, zeroCount } = distribution;
  const logGamma = logGammaOf(relativeAccuracy);
  const middleOf = (bin: number): number => Math.exp(bin * logGamma) * (1 - relativeAccuracy);
  const bins: WeightedValue[] = [];
  for (const [bin, weight] of positiveBins) if (weight > 0) bins.push({ value: middleOf(bin), weight });
  for (const [bin, weight] of negativeBins) if (weight > 0) bins.push({ value: -middleOf(bin), weight });
  if (zeroCount > 0) bins.push({ value: 0, weight: zeroCount });
  return { sum, min, max, bins };
}

function numbersRefusal({ count, sum, min, max, relativeAccuracy }: Distribution): SampleRefusal | undefined {
  if (count < 1) return refusal("must have a count of 1 or more");
  if (![sum, min, max].every(Number.isFinite)) return refusal("must have a finite sum, min and max");
  if (!(relativeAccuracy >= MIN_ACCURACY && relativeAccuracy <= MAX_ACCURACY)) {
    return refusal(`must have a relative_accuracy from ${String(MIN_ACCURACY)} to ${String(MAX_ACCURACY)}`);
  }
  const slack = TOLERANCE * Math.max(Math.abs(min), Math.abs(max));
  const mean = sum / count;
  return min <= max && mean >= min - slack && mean <= max + slack
    ? undefined
    : refusal("must have a mean between min and max");
}

function binsRefusal(distribution: Distribution): SampleRefusal | undefined {
  const { count, relativeAccuracy, positiveBins, negativeBins, zeroCount } = distribution;
  const size = positiveBins.size + negativeBins.size;
  if (size > MAX_DISTRIBUTION_BINS) {
    const limit = { what: "max_distribution_bins", max: MAX_DISTRIBUTION_BINS, actual: size };
    return { reason: "LIMIT_EXCEEDED", field: "distribution", ...limit };
  }
  const maxBin = MAX_EXPONENT / logGammaOf(relativeAccuracy);
  let total = zeroCount;
  for (const [bin, weight] of [...positiveBins, ...negativeBins]) {
    if (Math.abs(bin) > maxBin) return refusal("must not have bins of values that are no doubles");
    if (!(weight >= 0)) return refusal("must not have bins with less than nothing");
    total += weight;
  }
  const isWhole = zeroCount >= 0 && Math.abs(total - count) <= TOLERANCE * count;
  return isWhole ? undefined : refusal("must have as many samples in bins as count says");
}

function logGammaOf(accuracy: number): number {
  return Math.log((1 + accuracy) / (1 - accuracy));
}

function refusal(what: string): SampleRefusal {
  return { reason: "INVALID_FIELD", field: "distribution", what };
}
