import { DEFAULT_LIMITS } from "@millrace/shared-types";

import { type NumberRanges, resolveNumbers } from "../rpc/number-options.js";

import type { DataLimits } from "./data-deps.js";

const KIB = 1024;
const MIB = KIB * KIB;
const HOUR_MS = 3_600_000;

const RANGES: NumberRanges<Partial<DataLimits>> = {
  maxItemBytes: { default: MIB, min: KIB, max: 2 * MIB },
  maxFilterChars: { default: DEFAULT_LIMITS.maxFilterChars, min: 1, max: 64 * KIB },
  snapshotTtlMs: { default: HOUR_MS, min: 1000, max: 30 * 24 * HOUR_MS },
};

/**
 * Limits with defaults for what is left out.
 *
 * @throws {OptionError} naming the one that is unknown or out of range
 */
export function resolveDataLimits(group: string, given: Partial<DataLimits> = {}): DataLimits {
  return resolveNumbers(group, given, RANGES);
}
