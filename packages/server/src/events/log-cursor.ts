import type { FeedCursor, FeedRun, RunLimits, Selection, SkippedPart } from "./feed.js";
import type { SelectionGroup } from "./selection-group.js";
import { ReadAhead } from "./read-ahead.js";
import type { SelectionReader } from "./selection-reader.js";
import type { SequenceWaiters, Waiter } from "./sequence-waiters.js";
import type { SharedEvent } from "./shared-event.js";

/** What a cursor needs of its feed. */
export interface CursorHost {
  readonly lastSequence: number;
  /** Those who wait for a sequence. */
  readonly reaching: SequenceWaiters;
  /** @throws ServiceError `DRAINING` if the feed is closed */
  throwIfClosed(): void;
  /** Makes the queue of `group` begin at `position`, if memory still has that. Returns whether it does. */
  extendBack(group: SelectionGroup, position: number): boolean;
  /** Makes the queue of `group` begin some way back, at the beginning of an append, if it begins later. */
  extendFully(group: SelectionGroup): void;
  /** Reads what `selection` selects from storage. */
  readerOf(selection: Selection): SelectionReader;
  leave(group: SelectionGroup): void;
}

/** A place in the log that moves through storage and, near the end, along the queue of its group. */
export class LogCursor implements FeedCursor, Waiter {
  readonly #onAbort = (): void => this.fail(this.#signal?.reason as Error);
  readonly #host: CursorHost;
  readonly #group: SelectionGroup;
  readonly #stored: ReadAhead;
  #position: number;
  /** Number in its group of the event that comes next, as long as that is known. */
  #nextNumber: number | undefined;
  /** Of who waits. Nothing is made for a wait that is not needed: there may be thousands at a time. */
  #resolve: (() => void) | undefined;
  #reject: ((reason: Error) => void) | undefined;
  #signal: AbortSignal | undefined;
  #isClosed = false;

  constructor(host: CursorHost, group: SelectionGroup, after: number) {
    this.#host = host;
    this.#group = group;
    this.#stored = new ReadAhead(host.readerOf(group.selection), () => host.lastSequence);
    this.#position = after;
    this.#moveTo(after);
  }

  get position(): number {
    if (!this.isInMemory) return this.#position;
    const match = this.#group.firstAfter(this.#position);
    return match === undefined ? Math.max(this.#position, this.#host.lastSequence) : match - 1;
  }

  get isInMemory(): boolean {
    return this.#position >= this.#group.floor;
  }

  next(limits: RunLimits): FeedRun | Promise<FeedRun> {
    this.#host.throwIfClosed();
    if (this.isInMemory || this.#host.extendBack(this.#group, this.#position)) return this.#fromMemory(limits);
    return this.#fromStorage(limits);
  }

  untilMatch(signal?: AbortSignal, reach: number = Infinity): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      this.#host.throwIfClosed();
      if (this.#group.hasMatchAfter(this.#position) || this.#host.lastSequence >= reach) return resolve();
      this.#resolve = resolve;
      this.#reject = reject;
      this.#signal = signal;
      signal?.addEventListener("abort", this.#onAbort, { once: true });
      this.#group.wait(this);
      if (reach < Infinity) this.#host.reaching.add(this, reach);
    });
  }

  wake(): boolean {
    this.#position = this.position; // while it is known: a match may leave memory before it is taken
    this.#group.onReader(this.#position);
    const resolve = this.#resolve;
    this.#endWait();
    resolve?.();
    return resolve !== undefined;
  }

  fail(reason: Error): void {
    const reject = this.#reject;
    this.#endWait();
    reject?.(reason);
  }

  skipToMemory(): SkippedPart {
    this.#host.extendFully(this.#group);
    const { floor } = this.#group;
    const number = this.#nextNumber;
    const count = number === undefined ? undefined : this.#group.numberAfter(floor) - number;
    return { ...this.skipTo(floor), count };
  }

  skipTo(sequence: number): SkippedPart {
    const fromSequence = this.#position + 1;
    this.#moveTo(Math.max(this.#position, sequence));
    return { fromSequence, toSequence: this.#position, count: undefined };
  }

  /** Whoever waits is failed. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.fail(new Error("the cursor is closed"));
    this.#host.leave(this.#group);
  }

  #fromMemory(limits: RunLimits): FeedRun {
    this.#stored.forget();
    const isShared = limits.sharesRuns === true;
    const group = this.#group;
    const { events, isAll } = isShared
      ? group.takeSharedAfter(this.#position)
      : group.takeAfter(this.#position, limits);
    this.#moveTo(isAll ? Math.max(this.#position, this.#host.lastSequence) : endOf(events));
    return { events, position: this.#position, caughtUp: isAll };
  }

  async #fromStorage(limits: RunLimits): Promise<FeedRun> {
    const { events, scannedTo, exhausted } = await this.#stored.read(this.#position, limits);
    this.#host.throwIfClosed();
    this.#moveTo(scannedTo);
    return { events, position: scannedTo, caughtUp: exhausted };
  }

  #moveTo(position: number): void {
    this.#position = position;
    this.#group.onReader(position);
    this.#nextNumber = this.isInMemory ? this.#group.numberAfter(position) : undefined;
  }

  #endWait(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#resolve = this.#reject = this.#signal = undefined;
    this.#group.stopWaiting(this);
    this.#host.reaching.delete(this);
  }
}

/** Sequence of the end of a run that was cut. */
function endOf(events: readonly SharedEvent[]): number {
  return events.at(-1)?.log.appendEnd ?? 0;
}
