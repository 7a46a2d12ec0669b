/** Distributions as stores keep them. Runs in workers too: imports only node: modules and what does so too. */

/** What many samples say that were aggregated by their sender. */
export interface DistributionParts {
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  /** About how large the samples were, and how many of each. */
  readonly bins: readonly WeightedValue[];
}

export interface WeightedValue {
  readonly value: number;
  readonly weight: number;
}

const NUMBER_BYTES = 8;
const HEAD_NUMBERS = 3;

/** Sum, minimum and maximum, and of each bin its value and weight, as little-endian doubles. */
export function packDistribution({ sum, min, max, bins }: DistributionParts): Uint8Array {
  const packed = Buffer.alloc((HEAD_NUMBERS + 2 * bins.length) * NUMBER_BYTES);
  let at = 0;
  for (const number of [sum, min, max]) at = packed.writeDoubleLE(number, at);
  for (const { value, weight } of bins) at = packed.writeDoubleLE(weight, packed.writeDoubleLE(value, at));
  return packed;
}

/** The parts of what {@link packDistribution} has packed. */
export function unpackDistribution(bytes: Uint8Array): DistributionParts {
  const packed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const numberAt = (index: number): number => packed.readDoubleLE(index * NUMBER_BYTES);
  const bins: WeightedValue[] = [];
  for (let index = HEAD_NUMBERS; index * NUMBER_BYTES < packed.length; index += 2) {
    bins.push({ value: numberAt(index), weight: numberAt(index + 1) });
  }
  return { sum: numberAt(0), min: numberAt(1), max: numberAt(2), bins };
}
