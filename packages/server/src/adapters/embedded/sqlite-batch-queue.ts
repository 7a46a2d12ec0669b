/** Bytes that go to the writing thread in one message, but for a single larger one. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;

/** Bytes that were sent and are not stored yet, but for the last batch. Others wait with their callers. */
const MAX_SENT_BYTES = 16 * 1024 * 1024;

interface Queued<Item, Result> {
  readonly item: Item;
  readonly bytes: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Sends what is to be written in one turn of the event loop together. */
export class BatchQueue<Item, Result> {
  readonly #bytesOf: (item: Item) => number;
  readonly #send: (items: readonly Item[]) => Promise<readonly Result[]>;
  #queue: Queued<Item, Result>[] = [];
  readonly #batches = new Set<Promise<void>>();
  #sentBytes = 0;
  #scheduled = false;

  /** @param send gives a result for each item, in order, or fails all of them */
  constructor(bytesOf: (item: Item) => number, send: (items: readonly Item[]) => Promise<readonly Result[]>) {
    this.#bytesOf = bytesOf;
    this.#send = send;
  }

  push(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, bytes: this.#bytesOf(item), resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#flush()); // when all that has come in on the sockets has been looked at
    });
  }

  /** Resolves when all that was pushed has been stored or refused. */
  async drain(): Promise<void> {
    this.#flush();
    while (this.#batches.size > 0) await Promise.all(this.#batches);
  }

  #flush(): void {
    this.#scheduled = false;
    while (this.#queue.length > 0 && this.#sentBytes < MAX_SENT_BYTES) {
      const batch = this.#sendBatch(this.#takeBatch());
      this.#batches.add(batch);
      void batch.then(() => this.#batches.delete(batch));
    }
  }

  #takeBatch(): readonly Queued<Item, Result>[] {
    let bytes = 0;
    const full = this.#queue.findIndex((queued) => (bytes += queued.bytes) > MAX_BATCH_BYTES);
    return this.#queue.splice(0, full === -1 ? this.#queue.length : Math.max(full, 1));
  }

  async #sendBatch(batch: readonly Queued<Item, Result>[]): Promise<void> {
    const bytes = batch.reduce((sum, queued) => sum + queued.bytes, 0);
    this.#sentBytes += bytes;
    try {
      const results = await this.#send(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.#sentBytes -= bytes;
    if (!this.#scheduled) this.#flush();
  }
}
