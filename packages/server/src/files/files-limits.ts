import { DEFAULT_LIMITS } from "@millrace/shared-types";

import { type NumberRanges, resolveNumbers } from "../rpc/number-options.js";

import type { FilesLimits } from "./files-deps.js";

const KIB = 1024;
const DAY_MS = 86_400_000;

const RANGES: NumberRanges<Partial<FilesLimits>> = {
  maxChunkBytes: { default: DEFAULT_LIMITS.maxChunkBytes, min: 4 * KIB, max: 32 * KIB * KIB },
  maxFileBytes: { default: DEFAULT_LIMITS.maxFileBytes, min: 1, max: Number.MAX_SAFE_INTEGER },
  uploadTtlMs: { default: DEFAULT_LIMITS.uploadTtlMs, min: 1_000, max: 365 * DAY_MS },
  minPartBytes: { default: DEFAULT_LIMITS.minPartBytes, min: 1, max: KIB * KIB * KIB },
};

/**
 * Limits with defaults for what is left out.
 *
 * @throws {OptionError} naming the one that is unknown or out of range
 */
export function resolveFilesLimits(group: string, given: Partial<FilesLimits> = {}): Partial<FilesLimits> {
  return resolveNumbers(group, given, RANGES);
}
