import { ServiceError } from "@millrace/shared-types";

import { newId } from "../records/new-id.js";
import type { CallContext } from "../rpc/call-context.js";

import { AtomicRun } from "./atomic-run.js";
import type { BatchDeps } from "./batch-deps.js";
import type { RunOptions } from "./batch-options.js";
import { batchKey, loadBatch, newBatch } from "./batch-record.js";
import type { BatchRequests } from "./batch-requests.js";
import { BatchRun } from "./batch-run.js";
import { Recorder } from "./recorder.js";

/**
 * Begins a batch, or goes on with it. A stream that has the batch already is ended with `CONSUMER_REPLACED`, and what it
 * runs is waited for. The caller must iterate the results.
 */
export async function openRun(
  requests: BatchRequests,
  options: RunOptions,
  context: CallContext,
  deps: BatchDeps,
): Promise<BatchRun | AtomicRun> {
  const batchId = options.batchId || newId();
  const key = batchKey(context.principal.id, batchId);
  return deps.lock.run(key, async () => {
    await deps.live.get(key)?.interrupt(replaced(batchId));
    context.signal.throwIfAborted();
    const record = (await loadBatch(key, deps)) ?? newBatch(key, batchId, deps.clock.now());
    const recorder = new Recorder(record, deps);
    await recorder.setState("open");
    const init = { requests, recorder, options, context, deps };
    const run = options.policy === "atomic" ? new AtomicRun(init) : new BatchRun(init);
    deps.live.add(key, run);
    return run;
  });
}

function replaced(batchId: string): ServiceError {
  return new ServiceError("CONSUMER_REPLACED", `another stream goes on with batch ${JSON.stringify(batchId)}`);
}
