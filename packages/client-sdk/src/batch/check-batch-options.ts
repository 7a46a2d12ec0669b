import { CALL_NAMES, RESUME_NAMES } from "../check-options.js";
import { checkTextMap, checkTexts } from "../check-text.js";
import { checkJson } from "../json-bytes.js";
import { checkNames, type NamesOf } from "../option-names.js";
import type { CallOptions } from "../options.js";
import type { BatchItem, ListResultsOptions, ProcessOptions } from "./types.js";

const PROCESS: NamesOf<ProcessOptions> = {
  signal: "any",
  headers: "any",
  operation: "any",
  batchId: "any",
  maxConcurrency: "number",
  onFailure: "any",
  itemTimeoutMs: "number",
  maxAttempts: "number",
  dryRun: "any",
  omitOutputs: "any",
  onResult: "any",
  maxPendingBytes: "number",
  maxPendingItems: "number",
  resume: RESUME_NAMES,
};

const RESULTS: NamesOf<ListResultsOptions> = { ...CALL_NAMES, failuresOnly: "any", pageSize: "number" };

const MAX_CONCURRENCY = 256;
const MAX_ATTEMPTS = 10;
const MAX_ITEM_TIMEOUT_MS = 600_000;

const ON_FAILURE: readonly unknown[] = ["continue", "stop", "atomic", undefined];

/**
 * Refuses an item that has two inputs, and texts that would be others on the wire. Names that are not ours are left
 * alone: items may be yours to the core.
 */
export function checkItem(item: BatchItem): void {
  const { id, operation, idempotencyKey, orderingKey, contentType, attributes } = item;
  checkTexts({ id, operation, idempotencyKey, orderingKey, contentType });
  checkTextMap("attribute", attributes);
  if (item.json !== undefined && item.payload !== undefined) {
    throw new TypeError("an item has payload or json, not both");
  }
  checkJson(item, item.payload);
}

export function checkProcessOptions(options: ProcessOptions<never>): void {
  checkNames(options, PROCESS);
  checkTexts({ batchId: options.batchId, operation: options.operation });
  assertInteger("maxConcurrency", options.maxConcurrency, MAX_CONCURRENCY);
  assertInteger("maxAttempts", options.maxAttempts, MAX_ATTEMPTS);
  assertInteger("itemTimeoutMs", options.itemTimeoutMs, MAX_ITEM_TIMEOUT_MS);
  assertInteger("maxPendingBytes", options.maxPendingBytes, Number.MAX_SAFE_INTEGER);
  assertInteger("maxPendingItems", options.maxPendingItems, Number.MAX_SAFE_INTEGER);
  if (ON_FAILURE.includes(options.onFailure)) return;
  throw new TypeError(`option 'onFailure' is ${JSON.stringify(options.onFailure)}, not "continue", "stop" or "atomic"`);
}

export function checkResultsOptions(batchId: string, options: ListResultsOptions): void {
  checkTexts({ batchId });
  checkNames(options, RESULTS);
}

/** Refuses options of a call about a batch. */
export function checkBatchCall(batchId: string, options: CallOptions): void {
  checkTexts({ batchId });
  checkNames(options, CALL_NAMES);
}

export function checkCall(options: CallOptions): void {
  checkNames(options, CALL_NAMES);
}

function assertInteger(name: string, value: number | undefined, most: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= most)) return;
  throw new RangeError(`option '${name}' is ${String(value)}, not an integer from 1 to ${String(most)}`);
}
