import { randomUUID } from "node:crypto";

import { BatchFailurePolicy, type BatchOptions, durationOfMs, type PartialMessage } from "@millrace/shared-types";

import { toCallOptions } from "../events/watch-request.js";
import type { RequestSource } from "../rpc/rpc.js";
import type { BatchDeps } from "./batch-api.js";
import { BatchTally } from "./batch-tally.js";
import { checkProcessOptions } from "./check-batch-options.js";
import { PendingItems, type PendingLimits } from "./pending-items.js";
import { CallersFailure, processOverStream } from "./process-over-stream.js";
import type { BatchItem, BatchSummary, ProcessOptions } from "./types.js";

const DEFAULT_PENDING_BYTES = 4 * 1024 * 1024;
const DEFAULT_PENDING_ITEMS = 2048;

/** An atomic batch has no result before its last item: what the server would take, and one item more. */
const ATOMIC_LIMITS: PendingLimits = { maxItems: 10_001, maxBytes: 16 * 1024 * 1024 };

const POLICIES = {
  continue: BatchFailurePolicy.CONTINUE,
  stop: BatchFailurePolicy.STOP,
  atomic: BatchFailurePolicy.ATOMIC,
} as const;

/** Has the server run items. See {@link BatchApi.process}. */
export async function processItems<T extends BatchItem>(
  deps: BatchDeps,
  items: RequestSource<T>,
  options: ProcessOptions<T> = {},
): Promise<BatchSummary<T>> {
  checkProcessOptions(options);
  const { batchId = randomUUID(), operation, onResult, resume: policy, signal } = options;
  const loop = deps.openResumeLoop({ policy, signal });
  const pending = new PendingItems(items, operation, limitsOf(options));
  const tally = new BatchTally(onResult);
  const onProgress = (): void => loop.progressed();
  const task = { pending, tally, onProgress, options: toBatchOptions(batchId, options) };
  try {
    for (;;) {
      try {
        await processOverStream(deps, task, toCallOptions(options));
        return tally.summary(batchId);
      } catch (error) {
        if (error instanceof CallersFailure) throw error.error;
        await loop.waitAfter(error);
      }
    }
  } finally {
    pending.leave();
  }
}

function limitsOf<T extends BatchItem>(options: ProcessOptions<T>): PendingLimits {
  if (options.onFailure === "atomic" && options.dryRun !== true) return ATOMIC_LIMITS;
  const { maxPendingItems = DEFAULT_PENDING_ITEMS, maxPendingBytes = DEFAULT_PENDING_BYTES } = options;
  return { maxItems: maxPendingItems, maxBytes: maxPendingBytes };
}

function toBatchOptions<T extends BatchItem>(
  batchId: string,
  { maxConcurrency = 0, onFailure = "continue", itemTimeoutMs, maxAttempts = 0, ...rest }: ProcessOptions<T>,
): PartialMessage<BatchOptions> {
  const { dryRun: validateOnly = false, omitOutputs = false } = rest;
  const itemTimeout = itemTimeoutMs === undefined ? undefined : durationOfMs(itemTimeoutMs);
  const failurePolicy = POLICIES[onFailure];
  return { batchId, maxConcurrency, failurePolicy, itemTimeout, maxAttempts, validateOnly, omitOutputs };
}
