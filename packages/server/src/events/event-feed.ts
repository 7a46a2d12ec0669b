import { ServiceError } from "@millrace/shared-types";

import { systemClock } from "../ports/clock.js";
import type { EventLog, Following, LogEvent, ReadOptions, ReadResult } from "../ports/event-log.js";

import { EventTail, type TailEntry } from "./event-tail.js";
import type { EventFeed, FeedCursor, Selection } from "./feed.js";
import type { EventFilter } from "./filter/event-filter.js";
import { type CursorHost, LogCursor } from "./log-cursor.js";
import type { Positions } from "./positions.js";
import { RunCache } from "./run-cache.js";
import { SelectionGroup } from "./selection-group.js";
import { SelectionIndex } from "./selection-index.js";
import { SelectionReader } from "./selection-reader.js";
import { SequenceWaiters } from "./sequence-waiters.js";
import { SharedEvent } from "./shared-event.js";
import { WakePace } from "./wake-pace.js";

/**
 * Events in memory that a group looks at, at most, for a reader who comes from behind what it has: one who begins a little behind
 * the end, or has caught up from storage. Filters take their time.
 */
const MAX_LOOKED_BACK = 16 * 1024;
const MAX_FILTERED = 1024;

/** Of the size of the tail, what runs may take that several readers are given. */
const RUNS_PART = 4;

export interface EventFeedOptions {
  /** Stays open when the feed is closed. */
  readonly log: EventLog;
  readonly positions: Positions;
  /** Newest events that are kept in memory, in bytes, with all that is made of them. */
  readonly tailBytes: number;
  /** Most that a wake of those who wait is put off under load, in milliseconds. Default: 0, to the next turn of the event loop. */
  readonly maxLingerMs?: number;
}

/** Begins to follow a log. Disposing of the feed fails all who wait, and settles when nothing is being read any more. */
export async function openEventFeed(options: EventFeedOptions): Promise<EventFeed> {
  const feed = new LogFeed(options);
  await feed.follow();
  return feed;
}

class LogFeed implements EventFeed, CursorHost {
  readonly reaching: SequenceWaiters = new SequenceWaiters();
  readonly #log: EventLog;
  readonly #positions: Positions;
  readonly #tail: EventTail;
  readonly #runs: RunCache;
  /** By what they select. */
  readonly #groups = new Map<string, SelectionGroup>();
  readonly #index = new SelectionIndex();
  readonly #reads = new Set<Promise<unknown>>();
  readonly #pace: WakePace;
  /** Those to wake. */
  readonly #concerned = new Set<SelectionGroup>();
  #following: Following | undefined;
  #lastSequence = 0;
  #closed: ServiceError | undefined;

  constructor({ log, positions, tailBytes, maxLingerMs = 0 }: EventFeedOptions) {
    this.#log = log;
    this.#positions = positions;
    this.#tail = new EventTail(tailBytes);
    this.#runs = new RunCache(tailBytes / RUNS_PART);
    this.#pace = new WakePace({ clock: systemClock, maxRestMs: maxLingerMs, wake: () => this.#wake() });
  }

  get epoch(): string {
    return this.#log.epoch;
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  async follow(): Promise<void> {
    this.#following = await this.#log.follow((events) => this.#onAppended(events));
    this.#tail.startAfter(this.#following.lastSequence);
    this.#lastSequence = Math.max(this.#lastSequence, this.#following.lastSequence);
  }

  open(selection: Selection, after: number): FeedCursor {
    this.throwIfClosed();
    const group = this.#groupOf(selection);
    group.cursors += 1;
    return new LogCursor(this, group, after);
  }

  throwIfClosed(): void {
    if (this.#closed !== undefined) throw this.#closed;
  }

  extendBack(group: SelectionGroup, position: number): boolean {
    const entries = this.#tail.between(position, group.floor, maxLookedBack(group));
    if (entries === undefined) return false;
    const matching = entries.filter(({ event }) => group.covers(event.log) && passes(event, group.selection.filter));
    for (const entry of matching) this.#tail.enqueued(entry, group);
    group.extendBack(matching, position);
    this.#tail.evict();
    return position >= group.floor;
  }

  readerOf(selection: Selection): SelectionReader {
    const { readPacked } = this.#log;
    const log = {
      read: (options: ReadOptions): Promise<ReadResult> => this.#note(this.#log.read(options)),
      ...(readPacked !== undefined && {
        readPacked: (options: ReadOptions) => this.#note(readPacked.call(this.#log, options)),
      }),
    };
    return new SelectionReader(selection, log, this.#positions);
  }

  extendFully(group: SelectionGroup): void {
    const start = this.#tail.startOfNewest(maxLookedBack(group));
    if (start < group.floor) this.extendBack(group, start);
  }

  leave(group: SelectionGroup): void {
    group.cursors -= 1;
    if (group.cursors > 0) return;
    this.#groups.delete(keyOf(group.selection));
    this.#index.delete(group);
    this.#empty(group);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#following?.[Symbol.dispose]();
    this.#pace[Symbol.dispose]();
    this.#closed = new ServiceError("DRAINING", "the server is shutting down");
    for (const group of this.#groups.values()) group.fail(this.#closed);
    await Promise.allSettled(this.#reads);
  }

  #groupOf(selection: Selection): SelectionGroup {
    const normal = normalOf(selection);
    const key = keyOf(normal);
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group = new SelectionGroup(normal, this.#lastSequence, this.#runs);
    this.#groups.set(key, group);
    this.#index.add(group);
    return group;
  }

  /** Whoever closes the feed waits for what is being read. */
  async #note<T>(reading: Promise<T>): Promise<T> {
    this.#reads.add(reading);
    try {
      return await reading;
    } finally {
      this.#reads.delete(reading);
    }
  }

  #onAppended(events: readonly LogEvent[]): void {
    for (const log of events) {
      const entry = this.#tail.add(new SharedEvent(log, this.#positions));
      for (const group of this.#groupsFor(entry.event)) this.#add(entry, group);
    }
    this.#lastSequence = Math.max(this.#lastSequence, events.at(-1)?.sequence ?? 0);
    if (this.#tail.isOverfull) this.#pace.now();
    else this.#pace.request();
  }

  #add(entry: TailEntry, group: SelectionGroup): void {
    if (group.isIdle) {
      this.#empty(group);
      return group.pass(entry.event);
    }
    this.#tail.enqueued(entry, group);
    group.enqueue(entry);
    this.#concerned.add(group);
  }

  #empty(group: SelectionGroup): void {
    for (const entry of group.clear()) this.#tail.dequeued(entry, group);
  }

  /** Nothing leaves memory before those who wait for it are awake. */
  #wake(): void {
    for (const group of this.#concerned) group.wake();
    this.#concerned.clear();
    this.reaching.onReached(this.#lastSequence);
    this.#tail.evict();
  }

  /** The groups that `event` matches. Each filter is evaluated once, however many groups have it. */
  *#groupsFor(event: SharedEvent): Generator<SelectionGroup, void, undefined> {
    const verdicts = new Map<string, boolean>();
    for (const group of this.#index.covering(event.log)) {
      const { filter } = group.selection;
      const verdict = filter === undefined || (verdicts.get(filter.text) ?? filter.matches(event.message));
      if (filter !== undefined) verdicts.set(filter.text, verdict);
      if (verdict) yield group;
    }
  }
}

function maxLookedBack({ selection: { filter } }: SelectionGroup): number {
  return filter === undefined ? MAX_LOOKED_BACK : MAX_FILTERED;
}

function passes(event: SharedEvent, filter: EventFilter | undefined): boolean {
  return filter === undefined || filter.matches(event.message);
}

/** The same for all selections of the same events. */
function normalOf({ types, streams, filter }: Selection): Selection {
  return { types: [...new Set(types)].sort(), streams: [...new Set(streams)].sort(), filter };
}

function keyOf({ types, streams, filter }: Selection): string {
  return JSON.stringify([types, streams, filter?.text]);
}
