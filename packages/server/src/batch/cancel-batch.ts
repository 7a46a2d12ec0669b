import type { CancelBatchRequest, CancelBatchResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { BatchDeps } from "./batch-deps.js";
import { batchKey, summaryOf } from "./batch-record.js";
import { findBatch } from "./find-batch.js";
import { Recorder } from "./recorder.js";

/**
 * Stops a batch for good: what is not begun is skipped, also if it comes later. Changes nothing about a batch that is
 * done. Answers once that is durable, with the totals of that moment: what runs may still get its outcome.
 *
 * @throws ServiceError `INVALID_FIELD` or `RESOURCE_NOT_FOUND`
 */
export async function cancelBatch(
  { batchId }: CancelBatchRequest,
  { principal }: CallContext,
  deps: BatchDeps,
): Promise<CancelBatchResponse> {
  await findBatch(batchId, principal.id, deps);
  const key = batchKey(principal.id, batchId);
  return deps.lock.run(key, async () => {
    const live = deps.live.get(key);
    if (live !== undefined) {
      await live.cancel();
      return { summary: summaryOf(live.record) };
    }
    const recorder = new Recorder(await findBatch(batchId, principal.id, deps), deps);
    if (recorder.record.state === "open") await recorder.setState("cancelled");
    return { summary: summaryOf(recorder.record) };
  });
}
