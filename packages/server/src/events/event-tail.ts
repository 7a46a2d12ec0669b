import { Fifo } from "./fifo.js";
import type { SharedEvent } from "./shared-event.js";

/** What an event costs beyond its size: objects, texts, its place in queues, in bytes. */
const EVENT_OVERHEAD_BYTES = 1024;

/** What an event costs for each queue that it is in, in bytes. */
const QUEUED_BYTES = 64;

/** By how much it may be too large between two evictions, as a factor. */
const OVERFULL = 1.25;

/** A queue of events that are in memory. */
export interface TailQueue {
  /** Its oldest event leaves memory. */
  onEvicted(event: SharedEvent): void;
}

/** An event in memory, and the queues that it is in: mostly one, which takes no set. */
export interface TailEntry {
  readonly event: SharedEvent;
  queues: TailQueue | Set<TailQueue> | undefined;
}

/**
 * The newest events of the log, in memory. Bounded in bytes, counted with all that may be made of an event:
 * the oldest ones leave, also from the queues that they are in.
 */
export class EventTail {
  readonly #maxBytes: number;
  readonly #entries = new Fifo<TailEntry>();
  #bytes = 0;
  #floor = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** More is here than there should be for long. */
  get isOverfull(): boolean {
    return this.#bytes > this.#maxBytes * OVERFULL;
  }

  /** Every event after this sequence is here. */
  get floor(): number {
    return this.#floor;
  }

  /** Says that what is here begins after `sequence`. */
  startAfter(sequence: number): void {
    this.#floor = Math.max(this.#floor, sequence);
  }

  /** Adds the newest event. */
  add(event: SharedEvent): TailEntry {
    const entry = { event, queues: undefined };
    this.#entries.push(entry);
    this.#bytes += costOf(event);
    return entry;
  }

  /** Notes that `queue` has the event of `entry`. */
  enqueued(entry: TailEntry, queue: TailQueue): void {
    if (entry.queues === undefined) entry.queues = queue;
    else if (entry.queues instanceof Set) entry.queues.add(queue);
    else entry.queues = new Set([entry.queues, queue]);
    this.#bytes += QUEUED_BYTES;
  }

  /** Notes that `queue` has it no longer. */
  dequeued(entry: TailEntry, queue: TailQueue): void {
    if (entry.queues instanceof Set) entry.queues.delete(queue);
    else entry.queues = undefined;
    this.#bytes -= QUEUED_BYTES;
  }

  /** Lets the oldest appends go until the others fit. */
  evict(): void {
    let appendEnd = 0;
    for (let oldest = this.#entries.at(0); oldest !== undefined; oldest = this.#entries.at(0)) {
      const { event } = oldest;
      const queues = queuesOf(oldest);
      if (this.#bytes <= this.#maxBytes && event.log.sequence > appendEnd) return;
      this.#entries.shift();
      this.#bytes -= costOf(event) + queues.length * QUEUED_BYTES;
      for (const queue of queues) queue.onEvicted(event);
      this.#floor = event.log.sequence;
      appendEnd = event.log.appendEnd;
    }
  }

  /** Sequence after which there are so many events, or fewer, and whole appends. */
  startOfNewest(count: number): number {
    const left = this.#entries.length - count;
    return left <= 0 ? this.#floor : (this.#entries.at(left - 1)?.event.log.appendEnd ?? this.#floor);
  }

  /** The events after `after` and up to `until`, in order; `undefined` if they are more than `max`, or not all here. */
  between(after: number, until: number, max: number): readonly TailEntry[] | undefined {
    if (after < this.#floor) return undefined;
    const from = this.#entries.indexOfFirst(({ event }) => event.log.sequence > after);
    const to = this.#entries.indexOfFirst(({ event }) => event.log.sequence > until);
    if (to - from > max) return undefined;
    return [...this.#entries.range(from, to)];
  }
}

function queuesOf({ queues }: TailEntry): readonly TailQueue[] {
  if (queues === undefined) return [];
  return queues instanceof Set ? [...queues] : [queues];
}

function costOf({ size }: SharedEvent): number {
  return EVENT_OVERHEAD_BYTES + 2 * size;
}
