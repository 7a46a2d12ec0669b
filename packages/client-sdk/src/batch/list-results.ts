import { BatchServiceDefinition } from "@millrace/shared-types";

import { PullIterator } from "../rpc/pull-iterator.js";
import type { BatchDeps } from "./batch-api.js";
import { toBatchResult } from "./batch-result.js";
import { checkResultsOptions } from "./check-batch-options.js";
import type { BatchResult, ListResultsOptions } from "./types.js";

/** Fetches one page at a time, when the loop gets there; holds one page. Each loop begins anew. See {@link BatchApi.results}. */
export function listResults(
  deps: BatchDeps,
  batchId: string,
  options: ListResultsOptions = {},
): AsyncIterable<BatchResult> {
  checkResultsOptions(options);
  return {
    [Symbol.asyncIterator]() {
      const left = new AbortController();
      const signal = options.signal ? AbortSignal.any([options.signal, left.signal]) : left.signal;
      const results = resultsOf(deps, batchId, { ...options, signal });
      return new PullIterator(
        async () => (await results.next()).value,
        () => left.abort(),
      );
    },
  };
}

async function* resultsOf(
  { rpc }: BatchDeps,
  batchId: string,
  { failuresOnly = false, pageSize = 0, ...call }: ListResultsOptions,
): AsyncGenerator<BatchResult, undefined, undefined> {
  const { listBatchResults } = BatchServiceDefinition.methods;
  let pageToken = "";
  do {
    const request = { batchId, failuresOnly, pageSize, pageToken };
    const page = await rpc.unary(BatchServiceDefinition, listBatchResults, request, call);
    yield* page.results.map(toBatchResult);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
