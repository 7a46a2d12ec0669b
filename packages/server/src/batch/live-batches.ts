import type { BatchRecord } from "./batch-record.js";

/** A batch that has a stream now. */
export interface LiveBatch {
  /** As it is stored. */
  readonly record: BatchRecord;
  /** Ends its stream with `reason`; resolves when nothing of it runs any more, and nothing more is written. */
  interrupt(reason: Error): Promise<void>;
  /** Starts nothing more, for good; resolves when that is durable, and what ran has its outcome. */
  cancel(): Promise<void>;
}

/** The batches that have a stream now, by key; one stream each. */
export class LiveBatches {
  readonly #batches = new Map<string, LiveBatch>();

  get(key: string): LiveBatch | undefined {
    return this.#batches.get(key);
  }

  add(key: string, batch: LiveBatch): void {
    this.#batches.set(key, batch);
  }

  /** Unless another stream has the batch by now. */
  remove(key: string, batch: LiveBatch): void {
    if (this.#batches.get(key) === batch) this.#batches.delete(key);
  }

  /** Whether a batch that began on this day has a stream. */
  hasOfDay(day: number): boolean {
    for (const { record } of this.#batches.values()) if (record.day === day) return true;
    return false;
  }
}
