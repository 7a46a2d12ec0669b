import { type NumberRanges, resolveNumbers } from "../rpc/number-options.js";

import type { QueryLimits } from "./query-deps.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const MAX_SQL_BYTES = 64 * KIB;

const RANGES: NumberRanges<Partial<QueryLimits>> = {
  maxQueryBytes: { default: MAX_SQL_BYTES, min: 1, max: MAX_SQL_BYTES },
  maxQueryMs: { default: 30_000, min: 10, max: 3_600_000 },
  maxQueryRows: { default: 1_000_000, min: 1, max: Number.MAX_SAFE_INTEGER },
  maxConcurrentQueries: { default: 4, min: 1, max: 100 },
  maxQueryProcesses: { default: 8, min: 1, max: 256 },
  maxQueryMemoryBytes: { default: 320 * MIB, min: 128 * MIB, max: 64 * KIB * MIB },
};

/**
 * Limits with defaults for what is left out.
 *
 * @throws {OptionError} naming the one that is unknown or out of range
 */
export function resolveQueryLimits(group: string, given: Partial<QueryLimits> = {}): QueryLimits {
  return resolveNumbers(group, given, RANGES);
}
