import type { Append, AppendedEvent, AppendResult } from "../../ports/event-log.js";

import { packedBytes } from "./sqlite-event-appends.js";
import { eventErrorOf, logUnavailable } from "./sqlite-event-errors.js";
import type { AppendOutcome, AppendPlaces } from "./sqlite-event-protocol.js";

/** Packed appends that go to the writing thread in one message, in bytes, but for a single larger one. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;

/** Packed appends that were sent and are not stored yet, in bytes, but for the last batch. Others wait unpacked, with their callers. */
const MAX_SENT_BYTES = 16 * 1024 * 1024;

/** An append and what became of it. */
export interface StoredAppend extends AppendResult {
  readonly append: Append;
  readonly storedAtMs: number;
}

interface QueuedAppend {
  readonly append: Append;
  readonly bytes: number;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Sends the appends of one turn of the event loop together. */
export class AppendQueue {
  readonly #send: (appends: readonly Append[]) => Promise<readonly AppendOutcome[]>;
  readonly #onStored: (stored: readonly StoredAppend[]) => void;
  #queue: QueuedAppend[] = [];
  readonly #batches = new Set<Promise<void>>();
  #sentBytes = 0;
  #scheduled = false;

  /** @param onStored called before the appends resolve, in order of sequence */
  constructor(
    send: (appends: readonly Append[]) => Promise<readonly AppendOutcome[]>,
    onStored: (stored: readonly StoredAppend[]) => void,
  ) {
    this.#send = send;
    this.#onStored = onStored;
  }

  push(append: Append): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ append, bytes: packedBytes(append), resolve, reject });
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

  #takeBatch(): readonly QueuedAppend[] {
    let bytes = 0;
    const full = this.#queue.findIndex((queued) => (bytes += queued.bytes) > MAX_BATCH_BYTES);
    return this.#queue.splice(0, full === -1 ? this.#queue.length : Math.max(full, 1));
  }

  async #sendBatch(batch: readonly QueuedAppend[]): Promise<void> {
    const bytes = batch.reduce((sum, queued) => sum + queued.bytes, 0);
    this.#sentBytes += bytes;
    try {
      this.#settle(batch, await this.#send(batch.map(({ append }) => append)));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.#sentBytes -= bytes;
    if (!this.#scheduled) this.#flush();
  }

  #settle(batch: readonly QueuedAppend[], outcomes: readonly AppendOutcome[]): void {
    const stored = batch.map(({ append }, index) => storedAppend(append, outcomes[index]));
    this.#onStored(stored.filter((append) => append !== undefined));
    for (const [index, { resolve, reject }] of batch.entries()) {
      const [result, outcome] = [stored[index], outcomes[index]];
      if (result !== undefined) resolve({ events: result.events, revision: result.revision });
      else
        reject(outcome !== undefined && "failure" in outcome ? eventErrorOf(outcome.failure) : logUnavailable(outcome));
    }
  }
}

function storedAppend(append: Append, outcome: AppendOutcome | undefined): StoredAppend | undefined {
  if (outcome === undefined || "failure" in outcome) return undefined;
  const { lastRevision, storedAtMs } = outcome.places;
  return { append, events: appendedEvents(append, outcome.places), revision: lastRevision, storedAtMs };
}

function appendedEvents({ events }: Append, { sequence, revision, known }: AppendPlaces): readonly AppendedEvent[] {
  let fresh = 0;
  return events.map((_, index) => {
    const before = known?.get(index);
    if (before !== undefined) return { ...before, duplicate: true };
    fresh += 1;
    return { sequence: sequence + fresh - 1, revision: revision + fresh - 1, duplicate: false };
  });
}
