import { Metric, MetricKind as WireKind, toTimestamp } from "@millrace/shared-types";

import { checkSample } from "./check-metrics-options.js";
import type { MetricKind, MetricSample } from "./types.js";

/** What a sample costs besides its texts, in bytes: tags, numbers, lengths. */
const SAMPLE_OVERHEAD_BYTES = 48;
/** The same of a label. */
const LABEL_OVERHEAD_BYTES = 8;

const WIRE_KINDS = {
  gauge: WireKind.GAUGE,
  delta: WireKind.DELTA,
  cumulative: WireKind.CUMULATIVE,
} as const satisfies Record<MetricKind, WireKind>;

/**
 * A sample on its way to the server, with its number.
 *
 * @throws {TypeError} for an unknown name or a value that is no number
 * @throws {RangeError} for a timestamp outside of the years 1 to 9999
 */
export function toMetricMessage(sample: MetricSample, sequence: number): Metric {
  checkSample(sample);
  const { name, value, labels = {}, timestamp, kind, unit = "", weight = 0 } = sample;
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
  };
}

/** What a sample counts for in bounds, in bytes: no less than its size on the wire. */
export function sizeOfMetric({ name, labels, unit }: Pick<Metric, "name" | "labels" | "unit">): number {
  let bytes = SAMPLE_OVERHEAD_BYTES + Buffer.byteLength(name) + Buffer.byteLength(unit);
  for (const [label, value] of labels)
    bytes += LABEL_OVERHEAD_BYTES + Buffer.byteLength(label) + Buffer.byteLength(value);
  return bytes;
}

export function toKind(kind: WireKind): MetricKind | undefined {
  switch (kind) {
    case WireKind.GAUGE:
      return "gauge";
    case WireKind.DELTA:
      return "delta";
    case WireKind.CUMULATIVE:
      return "cumulative";
    default:
      return undefined;
  }
}
