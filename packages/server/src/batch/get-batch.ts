import { BatchState, type GetBatchRequest, type GetBatchResponse, timestampOfMs } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { BatchDeps } from "./batch-deps.js";
import { type BatchRecord, expiresAtMs, summaryOf } from "./batch-record.js";
import { findBatch } from "./find-batch.js";

/** @throws ServiceError `INVALID_FIELD` or `RESOURCE_NOT_FOUND`: other callers' batches do not exist */
export async function getBatch(
  { batchId }: GetBatchRequest,
  { principal }: CallContext,
  deps: BatchDeps,
): Promise<GetBatchResponse> {
  const record = await findBatch(batchId, principal.id, deps);
  return {
    summary: summaryOf(record),
    state: stateOf(record, deps),
    createTime: timestampOfMs(record.createdAt),
    expireTime: timestampOfMs(expiresAtMs(record)),
  };
}

function stateOf({ state, key }: BatchRecord, { live }: BatchDeps): BatchState {
  if (state === "cancelled") return BatchState.CANCELLED;
  if (state === "done") return BatchState.DONE;
  return live.get(key) === undefined ? BatchState.INTERRUPTED : BatchState.RUNNING;
}
