import type { StreamingError } from "../errors.js";
import type { CallOptions, ResumePolicy } from "../options.js";

/** One item of a batch. */
export interface BatchItem {
  /** What runs it. Default: that of the options. */
  readonly operation?: string;
  /** Input; a text is sent as UTF-8. Default: empty. At most 1 MiB. */
  readonly payload?: Uint8Array | string;
  /** Input as JSON, in place of `payload`. */
  readonly json?: unknown;
  /** Media type of the payload. Default: `application/json` with `json`, else none. */
  readonly contentType?: string;
  /** For the processor; at most 64 and 16 KiB. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Your name for the item, echoed in its result. Default: empty. */
  readonly id?: string;
  /**
   * Another item of yours with this key and the same content gets the outcome of the first one for 24 h, in whatever
   * batch it comes. With other content it fails with ABORTED (IDEMPOTENCY_CONFLICT).
   */
  readonly idempotencyKey?: string;
  /** Items with the same key run one after the other, in order. */
  readonly orderingKey?: string;
}

/** What became of an item. */
export interface BatchResult {
  /** Zero-based position in the batch. */
  readonly index: number;
  /** The item's `id`. */
  readonly id: string;
  /** `skipped`: not run, because the batch was stopped or cancelled, or this is a dry run. */
  readonly outcome: "succeeded" | "failed" | "skipped";
  /** Why it failed, or was skipped but for a dry run. */
  readonly error: StreamingError | undefined;
  /** What the processor gave back. */
  readonly output: Uint8Array;
  /** It is an earlier outcome, of this item or of one with its idempotency key. */
  readonly replayed: boolean;
  readonly attempts: number;
  /** Time spent on the attempts. */
  readonly elapsedMs: number;
  /** The output as UTF-8. */
  text(): string;
  /** @throws {SyntaxError} if the output is no JSON */
  json(): unknown;
}

/** The result of an item of yours. */
export interface BatchItemResult<T extends BatchItem = BatchItem> extends BatchResult {
  /** The item, as you gave it. */
  readonly item: T;
}

export interface BatchCounts {
  /** Items that have an outcome. */
  readonly processed: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
}

/** A batch whose items all have an outcome. The counts are of the items that were given here. */
export interface BatchSummary<T extends BatchItem = BatchItem> extends BatchCounts {
  readonly batchId: string;
  /** Those of `processed` whose outcome was there before. */
  readonly replayed: number;
  /** Results of items that failed: the first 100 that came. All are in `results(batchId, { failuresOnly: true })`. */
  readonly failures: readonly BatchItemResult<T>[];
}

export interface ProcessOptions<T extends BatchItem = BatchItem> extends Pick<CallOptions, "signal" | "headers"> {
  /** What runs the items that do not say: `echo`, `sha256`, `dataset.put`, `event.publish`, or one of the server's own. */
  readonly operation?: string;
  /**
   * Names the batch. To go on with one after a crash, give the same items in the same order: those that have an outcome
   * are not run again. Default: a new one.
   */
  readonly batchId?: string;
  /** Items that run at the same time. Default 8; at most 256. 1 runs them in order. */
  readonly maxConcurrency?: number;
  /**
   * What one failure does to the others. `continue`: nothing. `stop`: what has not begun is skipped. `atomic`: all succeed
   * or none, if the processor can do that (`dataset.put` can); at most 10_000 items and 3 MiB. Default `continue`.
   */
  readonly onFailure?: "continue" | "stop" | "atomic";
  /** Longest time for one attempt at an item. Default 30_000; at most 600_000. */
  readonly itemTimeoutMs?: number;
  /** Attempts at an item that fails with UNAVAILABLE or ABORTED. Default 1; at most 10. */
  readonly maxAttempts?: number;
  /** Checks the items, and runs none: those that pass are `skipped` without an error. Default false. */
  readonly dryRun?: boolean;
  /** Leaves out `output`. Default false. */
  readonly omitOutputs?: boolean;
  /**
   * Called with each result once, in the order in which they come, one at a time: the next one waits for what it
   * returns. What it throws ends the call.
   */
  readonly onResult?: (result: BatchItemResult<T>) => void | Promise<void>;
  /** Items without a result yet, in bytes: no more are read beyond it. Default 4_194_304. */
  readonly maxPendingBytes?: number;
  /** The same, in items. Default 2048. */
  readonly maxPendingItems?: number;
  /** `false`: the first failure of the stream is final. Default: the client's policy. */
  readonly resume?: ResumePolicy | false;
}

/** A batch as the server knows it. */
export interface BatchInfo extends BatchCounts {
  readonly batchId: string;
  /** `interrupted`: its stream broke; `process` with its id goes on. */
  readonly state: "running" | "done" | "cancelled" | "interrupted";
  readonly createdAt: Date;
  /** When it is forgotten, with its results. */
  readonly expiresAt: Date;
  /** From the first item to the last outcome. */
  readonly elapsedMs: number;
}

export interface ListResultsOptions extends CallOptions {
  /** Default false: all. */
  readonly failuresOnly?: boolean;
  /** Results fetched at a time. Default 100, at most 1000. */
  readonly pageSize?: number;
}

/** An operation that the server can run on items. */
export interface ProcessorInfo {
  readonly name: string;
  readonly description: string;
  /** It can run a batch with `onFailure: "atomic"`. */
  readonly supportsAtomic: boolean;
  /** Running it twice on one item is harmless. */
  readonly idempotent: boolean;
}
