import type { CallOptions } from "../options.js";
import type { ResumingRpc } from "../rpc/resuming-rpc.js";
import type { RequestSource } from "../rpc/rpc.js";
import { cancelBatch, getBatch } from "./batch-info.js";
import { listProcessors } from "./list-processors.js";
import { listResults } from "./list-results.js";
import { processItems } from "./process.js";
import type {
  BatchCounts,
  BatchInfo,
  BatchItem,
  BatchResult,
  BatchSummary,
  ListResultsOptions,
  ProcessOptions,
  ProcessorInfo,
} from "./types.js";

/** What the operations on batches are made of. */
export type BatchDeps = Omit<ResumingRpc, "clock">;

/** Work that the server does item by item. */
export interface BatchApi {
  /**
   * Has the server run items, however many; resolves when each has its outcome, which is durable. Goes on by itself after
   * lost connections and restarts of the server, and sends only the items again that have no outcome yet. Reads
   * `items` as they are needed: holds those that have no result, at most `maxPendingBytes`.
   *
   * An item that fails does not fail the call: it is in `failed`, in `failures` and in `onResult`.
   *
   * An item is run again only if it was cut off in the middle, by a kill or a lost stream, before its outcome was
   * durable. The built-in processors have their effect once even so.
   *
   * @throws {StreamingError} INVALID_ARGUMENT for options that are none; FAILED_PRECONDITION (FEATURE_DISABLED) for an
   *   atomic batch of a processor that cannot do it; ABORTED (IDEMPOTENCY_CONFLICT) if `batchId` was used for other
   *   items, (CONSUMER_REPLACED) if another call goes on with it. After AbortError, DEADLINE_EXCEEDED and
   *   UNAVAILABLE the batch can be continued under its id
   * @throws whatever `items` or `onResult` throws
   */
  process<T extends BatchItem>(items: RequestSource<T>, options?: ProcessOptions<T>): Promise<BatchSummary<T>>;
  /** @throws {StreamingError} NOT_FOUND if you have no such batch; it is kept for 24 h after it began, at least */
  get(batchId: string, options?: CallOptions): Promise<BatchInfo>;
  /**
   * Results in order of index, fetched page by page as the loop goes on.
   *
   * @throws {StreamingError} from the loop, as `get`
   */
  results(batchId: string, options?: ListResultsOptions): AsyncIterable<BatchResult>;
  /**
   * Stops a batch for good: what has not begun is skipped. One that is done stays as it is.
   *
   * @returns what it had done
   * @throws {StreamingError} as `get`
   */
  cancel(batchId: string, options?: CallOptions): Promise<BatchCounts>;
  /** What this server can run, by name. */
  processors(options?: CallOptions): Promise<readonly ProcessorInfo[]>;
}

/** The object behind `client.batch`. */
export function createBatchApi(deps: BatchDeps): BatchApi {
  return {
    process: (items, options) => processItems(deps, items, options),
    get: (batchId, options) => getBatch(deps, batchId, options),
    results: (batchId, options) => listResults(deps, batchId, options),
    cancel: (batchId, options) => cancelBatch(deps, batchId, options),
    processors: (options) => listProcessors(deps, options),
  };
}
