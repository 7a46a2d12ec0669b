import { resourceNotFound } from "@millrace/shared-types";

import type { BatchDeps } from "./batch-deps.js";
import { batchKey, type BatchRecord, checkBatchId, loadBatch } from "./batch-record.js";

/**
 * The batch that a request of `owner` means.
 *
 * @throws ServiceError `INVALID_FIELD`, `LIMIT_EXCEEDED` or `RESOURCE_NOT_FOUND`
 */
export async function findBatch(batchId: string, owner: string, deps: BatchDeps): Promise<BatchRecord> {
  checkBatchId("batch_id", batchId);
  const key = batchKey(owner, batchId);
  const record = deps.live.get(key)?.record ?? (await loadBatch(key, deps));
  if (record === undefined) throw resourceNotFound("batch", batchId);
  return record;
}
