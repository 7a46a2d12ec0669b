import { type Distribution, type Metric, MetricKind as WireKind, toTimestamp } from "@millrace/shared-types";

import { checkSample } from "./check-metrics-options.js";
import type { MetricDistribution, MetricKind, MetricSample } from "./types.js";

/** What a sample costs besides its texts, in bytes: tags, numbers, lengths. */
const SAMPLE_OVERHEAD_BYTES = 48;
/** A distribution, and each of its bins. */
const DISTRIBUTION_BYTES = 64;
const BIN_BYTES = 18;
/** The same of a label. */
const LABEL_OVERHEAD_BYTES = 8;

const WIRE_KINDS = {
  gauge: WireKind.GAUGE,
  delta: WireKind.DELTA,
  cumulative: WireKind.CUMULATIVE,
  distribution: WireKind.DISTRIBUTION,
} as const satisfies Record<MetricKind, WireKind>;

/**
 * A sample on its way to the server, with its number.
 *
 * @throws {TypeError} for an unknown name or a value that is no number
 * @throws {RangeError} for a timestamp outside of the years 1 to 9999
 */
export function toMetricMessage(sample: MetricSample, sequence: number): Metric {
  checkSample(sample);
  const { name, value = 0, labels = {}, timestamp, distribution, unit = "", weight = 0 } = sample;
  const { kind = distribution && "distribution" } = sample;
  if (kind !== undefined && !Object.hasOwn(WIRE_KINDS, kind)) throw new TypeError(`a sample has no kind '${kind}'`);
  return {
    name,
    value,
    labels: new Map(Object.entries(labels)),
    timestamp: timestamp && toTimestamp(timestamp),
    kind: kind === undefined ? WireKind.UNSPECIFIED : WIRE_KINDS[kind],
    unit,
    producerId: "",
    sequence,
    weight,
    distribution: distribution && toDistributionMessage(distribution),
  };
}

type SizedMetric = Pick<Metric, "name" | "labels" | "unit"> & {
  readonly distribution?: Pick<MetricDistribution, "positiveBins" | "negativeBins"> | undefined;
};

/** What a sample counts for in bounds, in bytes: no less than its size on the wire. */
export function sizeOfMetric({ name, labels, unit, distribution }: SizedMetric): number {
  let bytes = SAMPLE_OVERHEAD_BYTES + Buffer.byteLength(name) + Buffer.byteLength(unit);
  if (distribution !== undefined) {
    bytes += DISTRIBUTION_BYTES + BIN_BYTES * (distribution.positiveBins.size + distribution.negativeBins.size);
  }
  for (const [label, value] of labels)
    bytes += LABEL_OVERHEAD_BYTES + Buffer.byteLength(label) + Buffer.byteLength(value);
  return bytes;
}

function toDistributionMessage({ positiveBins, negativeBins, ...numbers }: MetricDistribution): Distribution {
  return { ...numbers, positiveBins: new Map(positiveBins), negativeBins: new Map(negativeBins) };
}

export function toKind(kind: WireKind): MetricKind | undefined {
  switch (kind) {
    case WireKind.GAUGE:
      return "gauge";
    case WireKind.DELTA:
      return "delta";
    case WireKind.CUMULATIVE:
      return "cumulative";
    case WireKind.DISTRIBUTION:
      return "distribution";
    default:
      return undefined;
  }
}
