import { type BatchOptions, ProcessResponse, type ProcessResult } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { BatchDeps } from "./batch-deps.js";
import { type RunOptions, runOptionsOf } from "./batch-options.js";
import { type BatchRecord, newBatch, summaryOf, withResults } from "./batch-record.js";
import type { BatchRequests } from "./batch-requests.js";
import { openRun } from "./open-run.js";
import { validateItems } from "./validate-items.js";

/** A result on its way to the client, or, at the end, the totals of the batch. */
export type BatchStep = { readonly result: ProcessResult } | { readonly summary: ProcessResponse };

/** Runs the items of one stream: their results as they come, then the totals. */
export async function* runBatch(
  { options: given, items }: { readonly options: BatchOptions; readonly items: BatchRequests },
  context: CallContext,
  deps: BatchDeps,
): AsyncGenerator<BatchStep, void, undefined> {
  const options = runOptionsOf(given);
  if (options.validateOnly) return yield* dryRun(items, options, context, deps);
  const run = await openRun(items, options, context, deps);
  for await (const result of run.results()) yield { result: withoutOutput(result, options) };
  yield { summary: summaryOf(run.record) };
}

/** The totals of a stream without any message. */
export function emptySummary(): ProcessResponse {
  return ProcessResponse.fromPartial({ elapsed: { seconds: 0, nanos: 0 } });
}

async function* dryRun(
  items: BatchRequests,
  options: RunOptions,
  context: CallContext,
  deps: BatchDeps,
): AsyncGenerator<BatchStep, void, undefined> {
  let record: BatchRecord = newBatch("", "", deps.clock.now());
  for await (const result of validateItems(items, options, context, deps)) {
    record = withResults(record, [result], deps.clock.now());
    yield { result };
  }
  yield { summary: summaryOf(record) };
}

function withoutOutput(result: ProcessResult, { omitOutputs }: RunOptions): ProcessResult {
  return omitOutputs ? { ...result, output: new Uint8Array(0) } : result;
}
