import type { BatchServiceDefinition, ServiceHandlers, StreamingServiceDefinition } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { BatchDeps } from "./batch-deps.js";
import { batchProcess } from "./batch-process.js";
import { cancelBatch } from "./cancel-batch.js";
import { getBatch } from "./get-batch.js";
import { listBatchResults } from "./list-batch-results.js";
import { listProcessors } from "./list-processors.js";
import { processStream } from "./process-stream.js";

/** Handlers of BatchService. */
export function batchService(deps: BatchDeps): ServiceHandlers<typeof BatchServiceDefinition, CallContext> {
  return {
    processStream: (requests, context) => processStream(requests, context, deps),
    getBatch: (request, context) => getBatch(request, context, deps),
    listBatchResults: (request, context) => listBatchResults(request, context, deps),
    cancelBatch: (request, context) => cancelBatch(request, context, deps),
    listProcessors: (request, context) => listProcessors(request, context, deps),
  };
}

/** Handler of the one RPC of StreamingService that runs batches. */
export function batchStreams(
  deps: BatchDeps,
): Pick<ServiceHandlers<typeof StreamingServiceDefinition, CallContext>, "batchProcess"> {
  return { batchProcess: (requests, context) => batchProcess(requests, context, deps) };
}
