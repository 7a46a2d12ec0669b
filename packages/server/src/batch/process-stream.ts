import type { ProcessStreamRequest, ProcessStreamResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { BatchDeps } from "./batch-deps.js";
import { BatchRequests } from "./batch-requests.js";
import { emptySummary, runBatch } from "./run-batch.js";

/**
 * Runs items and answers each once its outcome is durable, in any order; then the totals of the batch. Items are read
 * as the client takes results: at most 2048 items, or 4 MiB, are held. When the server drains, what has begun is
 * answered, and the stream ends with `DRAINING`: another one with the same batch id goes on.
 *
 * @throws ServiceError about the stream as a whole: `INVALID_FIELD`, `LIMIT_EXCEEDED`, `PROTOCOL_VIOLATION`,
 * `FEATURE_DISABLED`, `CONSUMER_REPLACED`, `IDEMPOTENCY_CONFLICT` (the batch id was used for other items)
 */
export async function* processStream(
  requests: AsyncIterable<ProcessStreamRequest>,
  context: CallContext,
  deps: BatchDeps,
): AsyncGenerator<ProcessStreamResponse, void, undefined> {
  const opened = await BatchRequests.open(requests, deps);
  if (opened === undefined) return yield { kind: { $case: "summary", value: emptySummary() } };
  for await (const step of runBatch(opened, context, deps)) {
    if ("result" in step) yield { kind: { $case: "result", value: step.result } };
    else yield { kind: { $case: "summary", value: step.summary } };
  }
}
