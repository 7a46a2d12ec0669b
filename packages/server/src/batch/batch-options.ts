import {
  BatchFailurePolicy,
  type BatchOptions,
  type Duration,
  invalidField,
  msOfDuration,
} from "@millrace/shared-types";

import { checkLimit } from "../events/check-limit.js";

import { checkBatchId } from "./batch-record.js";

const DEFAULT_CONCURRENCY = 8;
const MAX_CONCURRENCY = 256;
const DEFAULT_ITEM_TIMEOUT_MS = 30_000;
const MAX_ITEM_TIMEOUT_MS = 600_000;
const MAX_ATTEMPTS = 10;

/** How a batch is run: {@link BatchOptions} with every default filled in. */
export interface RunOptions {
  readonly maxConcurrency: number;
  readonly policy: "continue" | "stop" | "atomic";
  readonly itemTimeoutMs: number;
  readonly maxAttempts: number;
  /** Empty: the server finds one. */
  readonly batchId: string;
  readonly validateOnly: boolean;
  readonly omitOutputs: boolean;
}

/** @throws ServiceError `INVALID_FIELD` or `LIMIT_EXCEEDED` about a field of the options */
export function runOptionsOf(options: BatchOptions): RunOptions {
  const { batchId, validateOnly, omitOutputs } = options;
  if (batchId !== "") checkBatchId("options.batch_id", batchId);
  return {
    maxConcurrency: countOf("max_concurrency", options.maxConcurrency, MAX_CONCURRENCY) || DEFAULT_CONCURRENCY,
    policy: policyOf(options.failurePolicy),
    itemTimeoutMs: timeoutOf(options.itemTimeout),
    maxAttempts: countOf("max_attempts", options.maxAttempts, MAX_ATTEMPTS) || 1,
    batchId,
    validateOnly,
    omitOutputs,
  };
}

function countOf(name: string, value: number, max: number): number {
  if (value < 0) throw invalidField(`options.${name}`, `is ${String(value)}, must not be negative`);
  checkLimit(`options.${name}`, name, max, value);
  return value;
}

function policyOf(policy: BatchFailurePolicy): RunOptions["policy"] {
  switch (policy) {
    case BatchFailurePolicy.UNSPECIFIED:
    case BatchFailurePolicy.CONTINUE:
      return "continue";
    case BatchFailurePolicy.STOP:
      return "stop";
    case BatchFailurePolicy.ATOMIC:
      return "atomic";
    default:
      throw invalidField("options.failure_policy", "is none of the values that there are");
  }
}

function timeoutOf(duration: Duration | undefined): number {
  if (duration === undefined) return DEFAULT_ITEM_TIMEOUT_MS;
  const ms = msOf(duration);
  if (!(ms > 0)) throw invalidField("options.item_timeout", "must be more than nothing");
  checkLimit("options.item_timeout", "max_item_timeout_ms", MAX_ITEM_TIMEOUT_MS, ms);
  return ms;
}

function msOf(duration: Duration): number {
  try {
    return msOfDuration(duration);
  } catch (error) {
    throw invalidField("options.item_timeout", (error as RangeError).message);
  }
}
