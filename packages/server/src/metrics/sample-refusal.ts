import {
  invalidField,
  MAX_METRIC_AHEAD_MS,
  MAX_METRIC_LABEL_BYTES,
  MAX_METRIC_LABELS,
  MAX_METRIC_NAME_BYTES,
  MAX_METRIC_UNIT_BYTES,
  type Metric,
  MetricKind,
  ServiceError,
} from "@millrace/shared-types";

import { distributionRefusal } from "./distribution.js";
import type { MetricsLimits } from "./metrics-deps.js";

/** Why a sample is not stored. A plain value: among millions of bad samples few are told, and errors cost too much. */
export interface SampleRefusal {
  readonly reason: "INVALID_FIELD" | "LIMIT_EXCEEDED" | "QUOTA_EXCEEDED";
  readonly field: string;
  /** What is wrong with the field; with LIMIT_EXCEEDED, the name of the limit. */
  readonly what: string;
  readonly max?: number;
  readonly actual?: number;
}

/** When a sample may have been taken, in milliseconds since 1970. */
export interface SampleTimes {
  readonly oldestMs: number;
  readonly newestMs: number;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:.]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_.]*$/;
const KINDS: ReadonlySet<number> = new Set<number>([
  MetricKind.UNSPECIFIED,
  MetricKind.GAUGE,
  MetricKind.DELTA,
  MetricKind.CUMULATIVE,
  MetricKind.DISTRIBUTION,
]);

const NANOS_PER_MS = 1_000_000;
const MAX_NANOS = 999_999_999;

export function sampleTimes(nowMs: number, { retentionMs }: Pick<MetricsLimits, "retentionMs">): SampleTimes {
  return { oldestMs: nowMs - retentionMs, newestMs: nowMs + MAX_METRIC_AHEAD_MS };
}

/** What is wrong with a sample by itself; `undefined`: nothing. */
export function refusalOf(metric: Metric, times: SampleTimes): SampleRefusal | undefined {
  return (
    nameRefusal("name", metric.name, NAME) ??
    (Number.isFinite(metric.value) ? undefined : invalid("value", "must be finite")) ??
    labelsRefusal(metric.labels) ??
    timeRefusal(metric.timestamp, times) ??
    weightRefusal(metric.weight) ??
    (KINDS.has(metric.kind) ? undefined : invalid("kind", `has no value ${String(metric.kind)}`)) ??
    bytesRefusal("unit", "max_metric_unit_bytes", MAX_METRIC_UNIT_BYTES, metric.unit) ??
    distributionRefusal(metric)
  );
}

/** The sample is of a series that is one too many. */
export function noRoom({ maxMetricSeries }: Pick<MetricsLimits, "maxMetricSeries">): SampleRefusal {
  const what = `there are ${String(maxMetricSeries)} series, as many as there may be (max_metric_series)`;
  return { reason: "QUOTA_EXCEEDED", field: "labels", what };
}

/** The refusal as the failure that a caller is told about. */
export function refusalError({ reason, field, what, max, actual }: SampleRefusal): ServiceError {
  if (reason === "INVALID_FIELD") return invalidField(field, what);
  if (max === undefined || actual === undefined) return new ServiceError(reason, what);
  const description = `${what} is ${String(max)}, not ${String(actual)}`;
  return new ServiceError(reason, `${field}: ${description}`, {
    metadata: { limit: what, max, actual },
    fieldViolations: [{ field, description }],
  });
}

/** When a sample was taken, of which nothing is wrong. */
export function timeOf({ timestamp }: Metric, nowMs: number): number {
  return timestamp === undefined ? nowMs : timestamp.seconds * 1000 + Math.floor(timestamp.nanos / NANOS_PER_MS);
}

export function invalid(field: string, what: string): SampleRefusal {
  return { reason: "INVALID_FIELD", field, what };
}

function nameRefusal(field: string, name: string, form: RegExp): SampleRefusal | undefined {
  if (name.length > MAX_METRIC_NAME_BYTES) {
    return tooMuch(field, "max_metric_name_bytes", MAX_METRIC_NAME_BYTES, Buffer.byteLength(name));
  }
  return form.test(name) ? undefined : invalid(field, `must match ${form.source}`);
}

function labelsRefusal(labels: ReadonlyMap<string, string>): SampleRefusal | undefined {
  if (labels.size > MAX_METRIC_LABELS) return tooMuch("labels", "max_metric_labels", MAX_METRIC_LABELS, labels.size);
  for (const [name, value] of labels) {
    const refusal =
      nameRefusal("labels", name, LABEL_NAME) ??
      bytesRefusal("labels", "max_metric_label_bytes", MAX_METRIC_LABEL_BYTES, value);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function timeRefusal(timestamp: Metric["timestamp"], { oldestMs, newestMs }: SampleTimes): SampleRefusal | undefined {
  if (timestamp === undefined) return undefined;
  const { seconds, nanos } = timestamp;
  if (!(nanos >= 0 && nanos <= MAX_NANOS)) return invalid("timestamp", "has nanos outside of one second");
  const timeMs = seconds * 1000 + Math.floor(nanos / NANOS_PER_MS);
  if (timeMs > newestMs) return invalid("timestamp", "is too far ahead of the server's clock");
  return timeMs < oldestMs ? invalid("timestamp", "is older than what is kept") : undefined;
}

function weightRefusal(weight: number): SampleRefusal | undefined {
  if (weight >= 0 && weight <= Number.MAX_SAFE_INTEGER) return undefined;
  return invalid("weight", "must be from 0 to 2^53");
}

function bytesRefusal(field: string, limit: string, max: number, text: string): SampleRefusal | undefined {
  if (text.length * 3 <= max) return undefined; // UTF-8 needs 3 bytes for a UTF-16 unit at most
  const bytes = Buffer.byteLength(text);
  return bytes <= max ? undefined : tooMuch(field, limit, max, bytes);
}

function tooMuch(field: string, limit: string, max: number, actual: number): SampleRefusal {
  return { reason: "LIMIT_EXCEEDED", field, what: limit, max, actual };
}
