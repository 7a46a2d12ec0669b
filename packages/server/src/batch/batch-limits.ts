import { DEFAULT_LIMITS } from "@millrace/shared-types";

import { type NumberRanges, resolveNumbers } from "../rpc/number-options.js";

import type { BatchLimits } from "./batch-deps.js";

const RANGES: NumberRanges<Partial<BatchLimits>> = {
  maxBatchItems: { default: DEFAULT_LIMITS.maxBatchItems, min: 1, max: 1_000_000_000 },
};

/**
 * Limits with defaults for what is left out.
 *
 * @throws {OptionError} naming the one that is unknown or out of range
 */
export function resolveBatchLimits(group: string, given: Partial<BatchLimits> = {}): BatchLimits {
  return resolveNumbers(group, given, RANGES);
}

/** An item: its payload, in bytes. */
export const MAX_ITEM_BYTES: number = 1024 * 1024;

/** An item: its output, in bytes. */
export const MAX_OUTPUT_BYTES: number = 1024 * 1024;

/** An item's id, operation, idempotency key and ordering key, and the id of a batch, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 255;
