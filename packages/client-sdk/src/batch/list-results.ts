import { BatchServiceDefinition } from "@millrace/shared-types";

import { entriesOf } from "../rpc/pages.js";
import type { BatchDeps } from "./batch-api.js";
import { toBatchResult } from "./batch-result.js";
import { checkResultsOptions } from "./check-batch-options.js";
import type { BatchResult, ListResultsOptions } from "./types.js";

const { listBatchResults } = BatchServiceDefinition.methods;

/** Fetches one page at a time, when the loop gets there; holds one page. Each loop begins anew. See {@link BatchApi.results}. */
export function listResults(
  { rpc }: BatchDeps,
  batchId: string,
  options: ListResultsOptions = {},
): AsyncIterable<BatchResult> {
  checkResultsOptions(batchId, options);
  const { failuresOnly = false, ...paging } = options;
  return entriesOf(paging, async (page, call) => {
    const request = { batchId, failuresOnly, ...page };
    const answer = await rpc.unary(BatchServiceDefinition, listBatchResults, request, call);
    return { entries: answer.results.map(toBatchResult), nextPageToken: answer.nextPageToken };
  });
}
