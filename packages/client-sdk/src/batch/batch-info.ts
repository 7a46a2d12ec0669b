import {
  BatchServiceDefinition,
  BatchState,
  type GetBatchResponse,
  type ProcessResponse,
  toDate,
} from "@millrace/shared-types";

import { InternalError } from "../errors.js";
import { present } from "../files/file-info.js";
import type { CallOptions } from "../options.js";
import type { BatchDeps } from "./batch-api.js";
import { toMs } from "./batch-result.js";
import { checkBatchCall } from "./check-batch-options.js";
import type { BatchCounts, BatchInfo } from "./types.js";

/** What the server knows of a batch. See {@link BatchApi.get}. */
export async function getBatch({ rpc }: BatchDeps, batchId: string, options: CallOptions = {}): Promise<BatchInfo> {
  checkBatchCall(batchId, options);
  const { getBatch: method } = BatchServiceDefinition.methods;
  return toBatchInfo(await rpc.unary(BatchServiceDefinition, method, { batchId }, options));
}

/** Stops a batch. See {@link BatchApi.cancel}. */
export async function cancelBatch(
  { rpc }: BatchDeps,
  batchId: string,
  options: CallOptions = {},
): Promise<BatchCounts> {
  checkBatchCall(batchId, options);
  const { cancelBatch: method } = BatchServiceDefinition.methods;
  return toCounts(present((await rpc.unary(BatchServiceDefinition, method, { batchId }, options)).summary, "summary"));
}

function toBatchInfo({ summary, state, createTime, expireTime }: GetBatchResponse): BatchInfo {
  const totals = present(summary, "summary");
  return {
    ...toCounts(totals),
    batchId: totals.batchId,
    state: stateOf(state),
    createdAt: toDate(present(createTime, "create_time")),
    expiresAt: toDate(present(expireTime, "expire_time")),
    elapsedMs: toMs(totals.elapsed),
  };
}

function toCounts({ processedCount, successCount, failureCount, skippedCount }: ProcessResponse): BatchCounts {
  return { processed: processedCount, succeeded: successCount, failed: failureCount, skipped: skippedCount };
}

function stateOf(state: BatchState): BatchInfo["state"] {
  switch (state) {
    case BatchState.RUNNING:
      return "running";
    case BatchState.DONE:
      return "done";
    case BatchState.CANCELLED:
      return "cancelled";
    case BatchState.INTERRUPTED:
      return "interrupted";
    default:
      throw new InternalError(`the server gave the state ${String(state)}`, { origin: "server" });
  }
}
