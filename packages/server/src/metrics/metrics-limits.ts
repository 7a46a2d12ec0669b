import { DEFAULT_LIMITS } from "@millrace/shared-types";

import { type NumberRanges, resolveNumbers } from "../rpc/number-options.js";

import type { MetricsLimits } from "./metrics-deps.js";

const DAY_MS = 86_400_000;

const RANGES: NumberRanges<Partial<MetricsLimits>> = {
  maxMetricSeries: { default: DEFAULT_LIMITS.maxMetricSeries, min: 1, max: 1_000_000 },
  retentionMs: { default: 15 * DAY_MS, min: 60_000, max: 3650 * DAY_MS },
  maxFilterChars: { default: DEFAULT_LIMITS.maxFilterChars, min: 1, max: 64 * 1024 },
};

/**
 * Limits with defaults for what is left out.
 *
 * @throws {OptionError} naming the one that is unknown or out of range
 */
export function resolveMetricsLimits(group: string, given: Partial<MetricsLimits> = {}): MetricsLimits {
  return resolveNumbers(group, given, RANGES);
}
