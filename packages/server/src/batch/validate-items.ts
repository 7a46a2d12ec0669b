import { ProcessOutcome, type ProcessResult, ServiceError, StatusCode } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { checkSupport } from "./atomic-run.js";
import type { BatchDeps } from "./batch-deps.js";
import type { BatchItem } from "./batch-item.js";
import type { RunOptions } from "./batch-options.js";
import { batchKey, newBatch } from "./batch-record.js";
import type { BatchRequests } from "./batch-requests.js";
import { failureOf } from "./item-failure.js";
import { failedResult, resultFor } from "./run-item.js";
import { processorContextOf } from "./settle-item.js";

/** Says of each item whether it would be run. One at a time; keeps nothing. */
export async function* validateItems(
  requests: BatchRequests,
  options: RunOptions,
  context: CallContext,
  deps: BatchDeps,
): AsyncGenerator<ProcessResult, void, undefined> {
  const record = newBatch(batchKey(context.principal.id, options.batchId), options.batchId, deps.clock.now());
  for (let item = await requests.next(); item !== undefined; item = await requests.next()) {
    if (options.policy === "atomic") checkSupport(item);
    const itemContext = { ...processorContextOf(item, { context, record }), attempt: 1, signal: context.signal };
    yield await validated(item, itemContext, context);
  }
}

async function validated(
  item: BatchItem,
  itemContext: Parameters<Exclude<BatchItem["processor"], ServiceError>["validate"]>[1],
  { requestId }: CallContext,
): Promise<ProcessResult> {
  const { processor, request } = item;
  if (processor instanceof ServiceError) return failedResult(item, processor);
  try {
    await processor.validate(request.payload, itemContext);
    const status = { code: StatusCode.OK, message: "", details: [] };
    return { ...resultFor(item), outcome: ProcessOutcome.SKIPPED, status };
  } catch (error) {
    return failedResult(item, failureOf(error, `${requestId}-${String(item.index)}`, itemContext.log));
  }
}
