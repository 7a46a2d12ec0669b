import type { BatchItem, BatchItemResult, BatchSummary, ProcessOptions } from "./types.js";

const MAX_FAILURES = 100;

/** Counts results, and tells of them one at a time. */
export class BatchTally<T extends BatchItem> {
  readonly #onResult: ProcessOptions<T>["onResult"];
  readonly #failures: BatchItemResult<T>[] = [];
  readonly #counts = { succeeded: 0, failed: 0, skipped: 0 };
  #replayed = 0;
  #told: Promise<void> = Promise.resolve();

  constructor(onResult: ProcessOptions<T>["onResult"]) {
    this.#onResult = onResult;
  }

  /**
   * Resolves when the result has been told, after those before it.
   *
   * @throws whatever `onResult` throws, or threw
   */
  async add(result: BatchItemResult<T>): Promise<void> {
    this.#counts[result.outcome] += 1;
    if (result.replayed) this.#replayed += 1;
    if (result.outcome === "failed" && this.#failures.length < MAX_FAILURES) this.#failures.push(result);
    if (this.#onResult === undefined) return;
    const onResult = this.#onResult;
    this.#told = this.#told.then(() => onResult(result));
    await this.#told;
  }

  summary(batchId: string): BatchSummary<T> {
    const { succeeded, failed, skipped } = this.#counts;
    const processed = succeeded + failed + skipped;
    return { batchId, processed, succeeded, failed, skipped, replayed: this.#replayed, failures: this.#failures };
  }
}
