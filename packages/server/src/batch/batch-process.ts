import type { ProcessRequest, ProcessResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { BatchDeps } from "./batch-deps.js";
import { BatchRequests, withoutIndexes } from "./batch-requests.js";
import { InlineResults } from "./inline-results.js";
import { emptySummary, runBatch } from "./run-batch.js";

/**
 * Runs items and answers when all have their outcomes, which are durable by then. What fails is told in the results.
 *
 * @throws ServiceError as `processStream`
 */
export async function batchProcess(
  requests: AsyncIterable<ProcessRequest>,
  context: CallContext,
  deps: BatchDeps,
): Promise<ProcessResponse> {
  const opened = await BatchRequests.open(withoutIndexes(requests), deps);
  if (opened === undefined) return emptySummary();
  const inline = new InlineResults();
  let summary = emptySummary();
  for await (const step of runBatch(opened, context, deps)) {
    if ("result" in step) inline.add(step.result);
    else ({ summary } = step);
  }
  return { ...summary, results: inline.results, resultsTruncated: inline.isTruncated };
}
