import type { LogEvent } from "../ports/event-log.js";
import { eventMatcher } from "../ports/event-log-patterns.js";

import type { TailEntry, TailQueue } from "./event-tail.js";
import type { RunLimits, Selection } from "./feed.js";
import { Fifo } from "./fifo.js";
import type { RunCache } from "./run-cache.js";
import type { SharedEvent } from "./shared-event.js";
import { SharedRuns } from "./shared-runs.js";
import type { Waiter } from "./sequence-waiters.js";
import { takeRun, type TakenRun } from "./take-run.js";

/** Readers of one selection, and the events in memory that match it. */
export class SelectionGroup implements TailQueue {
  readonly selection: Selection;
  /** Cursors that belong to it. */
  cursors = 0;
  readonly #waiters = new Set<Waiter>();
  readonly #covers: (event: LogEvent) => boolean;
  readonly #queue = new Fifo<TailEntry>();
  readonly #shared: SharedRuns;
  #floor: number;
  /** Where the reader is, or was, who has got the furthest. */
  #furthest: number;
  /** Of all events that were ever queued, the number of the oldest one that still is. Negative where older ones were added. */
  #firstNumber = 0;
  /** What was taken last: readers who keep up all take the same. */
  #taken: (RunLimits & { readonly after: number; readonly run: TakenRun<SharedEvent> }) | undefined;

  /**
   * @param after events up to here are not in the queue
   * @param cache keeps the runs that are shared
   */
  constructor(selection: Selection, after: number, cache: RunCache) {
    this.selection = selection;
    this.#shared = new SharedRuns(this.#queue, cache);
    this.#covers = eventMatcher(selection);
    this.#floor = after;
    this.#furthest = after;
  }

  /** Every matching event after this sequence is in the queue. */
  get floor(): number {
    return this.#floor;
  }

  /** Whether the type and the stream of `event` are selected. The filter has to agree too. */
  covers(event: LogEvent): boolean {
    return this.#covers(event);
  }

  /** Whether nobody reads in memory: then nothing is queued, so that readers who have stopped cost nothing. */
  get isIdle(): boolean {
    return this.#furthest < this.#floor;
  }

  /** A reader has come to this position. */
  onReader(position: number): void {
    if (position > this.#furthest) this.#furthest = position;
  }

  /** Leaves a matching event out, newer than all others: the queue is empty. */
  pass({ log }: SharedEvent): void {
    this.#firstNumber += 1;
    this.#floor = log.sequence;
  }

  /** Adds a matching event, newer than all others. */
  enqueue(entry: TailEntry): void {
    this.#taken = undefined;
    this.#queue.push(entry);
    this.#shared.onAdded(entry.event);
  }

  /** Adds all matching events between `after` and the floor. */
  extendBack(entries: readonly TailEntry[], after: number): void {
    this.#taken = undefined;
    this.#queue.prepend(entries);
    this.#shared.onPrepended(
      entries.map(({ event }) => event),
      this.#floor,
    );
    this.#firstNumber -= entries.length;
    this.#floor = after;
  }

  onEvicted({ log }: SharedEvent): void {
    this.#taken = undefined;
    this.#queue.shift();
    this.#firstNumber += 1;
    this.#floor = log.sequence;
    this.#shared.onEvicted(log.sequence);
  }

  /** Whether there is an event after `position`, in the queue or gone from it. */
  hasMatchAfter(position: number): boolean {
    return (this.#queue.newest?.event.log.sequence ?? this.#floor) > position;
  }

  /** Sequence of the first event after `position`, which must not be below the floor. */
  firstAfter(position: number): number | undefined {
    return this.#queue.at(this.#indexAfter(position))?.event.log.sequence;
  }

  /** Events after a sequence, which must not be below the floor. */
  takeAfter(after: number, { maxEvents, maxBytes }: RunLimits): TakenRun<SharedEvent> {
    const taken = this.#taken;
    if (taken?.after === after && taken.maxEvents === maxEvents && taken.maxBytes === maxBytes) return taken.run;
    const run = takeRun(eventsOf(this.#queue.range(this.#indexAfter(after))), { maxEvents, maxBytes });
    this.#taken = { after, maxEvents, maxBytes, run };
    return run;
  }

  /** As `takeAfter`, up to where all readers are given the same runs. */
  takeSharedAfter(after: number): TakenRun<SharedEvent> {
    return this.#shared.takeAfter(after);
  }

  /** Number of the first event after `position`, which must not be below the floor. */
  numberAfter(position: number): number {
    return this.#firstNumber + this.#indexAfter(position);
  }

  wait(waiter: Waiter): void {
    this.#waiters.add(waiter);
  }

  stopWaiting(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  /** Wakes all who wait. */
  wake(): void {
    for (const waiter of this.#waiters) waiter.wake();
  }

  /** Fails all who wait. */
  fail(reason: Error): void {
    for (const waiter of this.#waiters) waiter.fail(reason);
  }

  /** Empties the queue and gives what was in it. */
  clear(): readonly TailEntry[] {
    if (this.#queue.length === 0) return [];
    const entries = [...this.#queue.range(0)];
    this.#taken = undefined;
    this.#shared.clear();
    this.#queue.clear();
    this.#firstNumber += entries.length;
    this.#floor = entries.at(-1)?.event.log.sequence ?? this.#floor;
    return entries;
  }

  #indexAfter(position: number): number {
    return this.#queue.indexOfFirst(({ event }) => event.log.sequence > position);
  }
}

function* eventsOf(entries: Iterable<TailEntry>): Generator<SharedEvent, void, undefined> {
  for (const { event } of entries) yield event;
}
