import type { FeedEvent } from "../feed.js";
import { Fifo } from "../fifo.js";

/** One event that a subscription is not done with. */
export interface Work {
  readonly sequence: number;
  /** `undefined` until it has been read from the log (again). */
  event: FeedEvent | undefined;
  /** Attempts that ended without an acknowledgement. */
  attempts: number;
  /** The next attempt is not before this moment of the monotonic clock, in milliseconds. */
  notBeforeMs: number;
}

/** Work whose event is at hand. */
export type LoadedWork = Work & { readonly event: FeedEvent };

/** The work of one key. */
interface Chain {
  /** The only one that may be delivered. */
  head: LoadedWork;
  /** What comes after it, in order of the log. */
  readonly followers: Fifo<LoadedWork>;
}

/**
 * What is to be delivered next. Work is in one place at a time: not read yet, held back by earlier work of
 * its key, waiting for its moment, ready, taken, or settled. Knows no clock: the caller says what time it is.
 */
export class WorkQueue {
  readonly #orderedByKey: boolean;
  /** Everything that is neither settled nor gone. */
  readonly #unfinished = new Map<number, Work>();
  readonly #unread = new Set<Work>();
  /** Done, but not durably so. */
  readonly #settled = new Set<LoadedWork>();
  readonly #delayed = new Set<LoadedWork>();
  #nextDelayedMs = Infinity;
  readonly #again = new Fifo<LoadedWork>();
  readonly #fresh = new Fifo<LoadedWork>();
  /** By key, if the keys keep their order. */
  readonly #chains = new Map<string, Chain>();
  #bytes = 0;

  constructor(orderedByKey: boolean) {
    this.#orderedByKey = orderedByKey;
  }

  /** Events that are not done. */
  get size(): number {
    return this.#unfinished.size;
  }

  /** Events that are not done, or not durably so. */
  get held(): number {
    return this.#unfinished.size + this.#settled.size;
  }

  /** Of the events that are held and at hand. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Events that can be delivered now. */
  get ready(): number {
    return this.#again.length + this.#fresh.length;
  }

  get unread(): number {
    return this.#unread.size;
  }

  unfinished(): Iterable<Work> {
    return this.#unfinished.values();
  }

  /** Work of which only the sequence is known. Ignored if it is in the queue already. */
  addUnread(sequence: number, attempts = 0, notBeforeMs = 0): void {
    if (this.#unfinished.has(sequence)) return;
    const work: Work = { sequence, event: undefined, attempts, notBeforeMs };
    this.#unfinished.set(sequence, work);
    this.#unread.add(work);
  }

  /** The unread work, in order of the log. */
  listUnread(): readonly Work[] {
    return [...this.#unread].sort((a, b) => a.sequence - b.sequence);
  }

  /** An event as it comes from the log. Ignored if it is in the queue already. */
  add(event: FeedEvent): void {
    const { sequence } = event.log;
    if (this.#unfinished.has(sequence)) return;
    const work: LoadedWork = { sequence, event, attempts: 0, notBeforeMs: 0 };
    this.#unfinished.set(sequence, work);
    this.#enter(work, 0);
  }

  /** The event of unread work. Call it in order of the log: that is the order within a key. */
  load(work: Work, event: FeedEvent, nowMs: number): void {
    if (this.#unread.delete(work)) this.#enter(Object.assign(work, { event }), nowMs);
  }

  /** The work that is next to be delivered, left where it is: what was delivered before comes first. */
  peek(): LoadedWork | undefined {
    return this.#again.at(0) ?? this.#fresh.at(0);
  }

  /** Takes what `peek` gave. */
  take(): void {
    if (this.#again.shift() === undefined) this.#fresh.shift();
  }

  /** Puts back work that was taken, for another attempt at its `notBeforeMs`. */
  putBack(work: LoadedWork, nowMs: number): void {
    if (this.has(work)) this.#line(work, nowMs);
  }

  /** Whether the work is still to be done: not settled and not cleared. */
  has(work: Work): boolean {
    return this.#unfinished.get(work.sequence) === work;
  }

  /** Work that was taken is done or parked: it will not be delivered again. Its key stays taken until `release`. */
  settle(work: LoadedWork): void {
    if (!this.has(work)) return;
    this.#unfinished.delete(work.sequence);
    this.#settled.add(work);
  }

  /** Settled work is durably so: lets the next work of its key be delivered. */
  release(work: LoadedWork, nowMs: number): void {
    if (!this.#settled.delete(work)) return;
    this.#bytes -= work.event.size;
    const { key } = work.event.log;
    const chain = this.#chains.get(key);
    if (chain === undefined) return;
    const next = chain.followers.shift();
    if (next === undefined) return void this.#chains.delete(key);
    chain.head = next;
    this.#line(next, nowMs);
  }

  /** Unread work turns out to be gone from the log. */
  drop(work: Work): void {
    if (this.#unread.delete(work)) this.#unfinished.delete(work.sequence);
  }

  /** No work that waits for its moment is due before this one; Infinity if none waits. */
  get nextDelayedMs(): number {
    return this.#nextDelayedMs;
  }

  /** Makes ready what has waited for its moment. */
  wakeDelayed(nowMs: number): void {
    if (this.#nextDelayedMs > nowMs) return;
    this.#nextDelayedMs = Infinity;
    for (const work of this.#delayed) {
      if (work.notBeforeMs > nowMs) {
        this.#nextDelayedMs = Math.min(this.#nextDelayedMs, work.notBeforeMs);
      } else {
        this.#delayed.delete(work);
        this.#again.push(work);
      }
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#unfinished.clear();
    this.#unread.clear();
    this.#settled.clear();
    this.#delayed.clear();
    this.#nextDelayedMs = Infinity;
    this.#chains.clear();
    this.#again.clear();
    this.#fresh.clear();
    this.#bytes = 0;
  }

  #enter(work: LoadedWork, nowMs: number): void {
    this.#bytes += work.event.size;
    const { key } = work.event.log;
    if (!this.#orderedByKey || key === "") return this.#line(work, nowMs);
    const chain = this.#chains.get(key);
    if (chain !== undefined) return chain.followers.push(work);
    this.#chains.set(key, { head: work, followers: new Fifo() });
    this.#line(work, nowMs);
  }

  #line(work: LoadedWork, nowMs: number): void {
    if (work.notBeforeMs <= nowMs) return (work.attempts > 0 ? this.#again : this.#fresh).push(work);
    this.#delayed.add(work);
    this.#nextDelayedMs = Math.min(this.#nextDelayedMs, work.notBeforeMs);
  }
}
