import { type ProcessResult, ServiceError } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { BatchDeps } from "./batch-deps.js";
import { type BatchItem, identityOf } from "./batch-item.js";
import type { RunOptions } from "./batch-options.js";
import type { BatchRecord } from "./batch-record.js";
import { isKept, type Outcome, outcomeAt, outcomeUnder, storedKeyOf } from "./outcomes.js";
import type { Processor, ProcessorContext } from "./processor.js";
import { failedResult, runItem, skippedResult } from "./run-item.js";

/** What an item is settled in. */
export interface ItemSetting {
  readonly deps: BatchDeps;
  readonly options: Pick<RunOptions, "itemTimeoutMs" | "maxAttempts">;
  readonly context: CallContext;
  readonly record: BatchRecord;
  /** Aborts when the stream is over. */
  readonly signal: AbortSignal;
  /** Why it is not to be run, if it has no outcome yet. */
  readonly skips: string | undefined;
}

/** What became of an item. */
export interface Settled {
  readonly result: ProcessResult;
  /** To be made durable before anybody is told; none: it is so already. */
  readonly outcome?: Outcome;
  /** To be called after that: others wait for it. */
  readonly release?: () => void;
}

/**
 * The outcome that the item has already, or that it gets now.
 *
 * @throws ServiceError `IDEMPOTENCY_CONFLICT` if its place in the batch was another item's
 * @throws the reason of `signal`, if that ends the item without an outcome
 */
export async function settleItem(item: BatchItem, setting: ItemSetting): Promise<Settled> {
  const { deps, record, skips } = setting;
  const { processor, request } = item;
  const known = await outcomeAt(record, item, deps);
  if (known !== undefined) return { result: known };
  if (skips !== undefined) return fresh(item, skippedResult(item, skips));
  if (processor instanceof ServiceError) return fresh(item, failedResult(item, processor));
  if (request.idempotencyKey === "") return fresh(item, await run(item, processor, setting));
  return settleOnce(item, processor, setting);
}

/** An item that lasts only as long as nothing else is known under its idempotency key. */
async function settleOnce(item: BatchItem, processor: Processor, setting: ItemSetting): Promise<Settled> {
  const { deps, context, signal } = setting;
  const key = storedKeyOf(context.principal.id, item.request.idempotencyKey);
  const release = await deps.claims.claim(key, signal);
  try {
    const known = await outcomeUnder(key, item, deps);
    if (known !== undefined) return { ...fresh(item, known), release };
    const result = await run(item, processor, setting);
    return { ...fresh(item, result, isKept(result) ? key : undefined), release };
  } catch (error) {
    if (isConflict(error)) return { ...fresh(item, failedResult(item, error)), release };
    release();
    throw error;
  }
}

function isConflict(error: unknown): error is ServiceError {
  return error instanceof ServiceError && error.reason === "IDEMPOTENCY_CONFLICT";
}

function fresh(item: BatchItem, result: ProcessResult, key?: string): Settled {
  return { result, outcome: { item, result, key } };
}

function run(item: BatchItem, processor: Processor, setting: ItemSetting): Promise<ProcessResult> {
  const { options, signal, deps } = setting;
  return runItem({
    item,
    processor,
    context: processorContextOf(item, setting),
    maxAttempts: options.maxAttempts,
    timeoutMs: options.itemTimeoutMs,
    signal,
    clock: deps.clock,
    errorId: `${setting.context.requestId}-${String(item.index)}`,
  });
}

/** What a processor is told of an item. */
export function processorContextOf(
  item: BatchItem,
  { context, record }: Pick<ItemSetting, "context" | "record">,
): Omit<ProcessorContext, "signal" | "attempt"> {
  const { index, request } = item;
  return {
    idempotencyKey: identityOf(item, context.principal.id, `${record.key}/${String(record.createdAt)}`),
    batchId: record.batchId,
    index,
    itemId: request.id,
    contentType: request.contentType,
    attributes: request.attributes,
    caller: context.principal,
    log: context.log.child({ index }),
  };
}
