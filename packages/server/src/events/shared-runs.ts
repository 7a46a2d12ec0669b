import type { TailEntry } from "./event-tail.js";
import type { Fifo } from "./fifo.js";
import type { Kept, RunCache } from "./run-cache.js";
import { RunEnds } from "./run-ends.js";
import type { SharedEvent } from "./shared-event.js";
import type { TakenRun } from "./take-run.js";

interface KeptRun extends Kept {
  readonly after: number;
  readonly run: TakenRun<SharedEvent>;
}

/**
 * Runs of a queue that all readers are given who ask for the same. They end where {@link RunEnds} says: whoever has fallen
 * behind has the same runs as everybody behind after the first one, and what is made of a run is made once. Else readers whom
 * something has held up at different places would cost more than before, and would not catch up any more.
 */
export class SharedRuns {
  readonly #queue: Fifo<TailEntry>;
  readonly #cache: RunCache;
  #ends = new RunEnds();
  /** By the sequence that they begin after; nothing will be added to them. */
  readonly #kept = new Map<number, KeptRun>();
  /** The one that was asked for last of those to which more is added. */
  #open: { readonly after: number; readonly run: TakenRun<SharedEvent> } | undefined;

  constructor(queue: Fifo<TailEntry>, cache: RunCache) {
    this.#queue = queue;
    this.#cache = cache;
  }

  /** The queue has a newer event. */
  onAdded(event: SharedEvent): void {
    this.#open = undefined;
    this.#ends.add(event);
  }

  /** The queue has older events in front, up to the sequence `until`. */
  onPrepended(events: readonly SharedEvent[], until: number): void {
    this.#ends.prepend(events, until);
  }

  /** The queue has nothing any more up to `sequence`. */
  onEvicted(sequence: number): void {
    this.#open = undefined;
    if (!this.#ends.forgetUntil(sequence)) return;
    for (const kept of this.#kept.values()) if (kept.after < sequence) this.#cache.drop(kept);
  }

  /** The queue is empty. */
  clear(): void {
    this.#open = undefined;
    this.#ends = new RunEnds();
    for (const kept of this.#kept.values()) this.#cache.drop(kept);
  }

  /** The run that begins after a sequence which must not be below the queue's floor. */
  takeAfter(after: number): TakenRun<SharedEvent> {
    if (this.#open?.after === after) return this.#open.run;
    return this.#kept.get(after)?.run ?? this.#make(after);
  }

  #make(after: number): TakenRun<SharedEvent> {
    const end = this.#ends.after(after);
    const entries = this.#queue.range(this.#indexAfter(after), end === undefined ? undefined : this.#indexAfter(end));
    const run = { events: Array.from(entries, ({ event }) => event), isAll: end === undefined };
    if (run.isAll) this.#open = { after, run };
    else this.#keep(after, run);
    return run;
  }

  #keep(after: number, run: TakenRun<SharedEvent>): void {
    const bytes = run.events.reduce((sum, { size }) => sum + size, 0);
    const kept = { after, run, bytes, onDropped: () => void this.#kept.delete(after) };
    this.#kept.set(after, kept);
    this.#cache.keep(kept);
  }

  #indexAfter(sequence: number): number {
    return this.#queue.indexOfFirst(({ event }) => event.log.sequence > sequence);
  }
}
