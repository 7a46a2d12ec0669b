import { createTokenSigner, type Event, type PartialMessage } from "@millrace/shared-types";

import { MemoryEventLog } from "../adapters/memory/memory-event-log.js";
import type { AppendResult, EventLog, LogEvent, ReadOptions, ReadResult } from "../ports/event-log.js";

import { eventOf, logWith } from "./events-fixture.test.support.js";
import { openEventFeed } from "./event-feed.js";
import { draftOf } from "./event-message.js";
import type { EventFeed, FeedCursor, FeedEvent, FeedRun, RunLimits, Selection } from "./feed.js";
import type { EventFilter } from "./filter/event-filter.js";
import { Positions } from "./positions.js";

/** A log in memory with its feed. */
export interface FeedFixture extends AsyncDisposable {
  readonly log: MemoryEventLog;
  readonly feed: EventFeed;
  readonly positions: Positions;
  /** What was read from storage, in order. */
  readonly reads: readonly ReadOptions[];
}

/** Opens a {@link FeedFixture}. */
export async function openFeedFixture({
  tailBytes = 8 * 1024 * 1024,
}: { readonly tailBytes?: number } = {}): Promise<FeedFixture> {
  const log = new MemoryEventLog();
  const positions = positionsOf(log);
  const reads: ReadOptions[] = [];
  const read = (options: ReadOptions): Promise<ReadResult> => {
    reads.push(options);
    return log.read(options);
  };
  const feed = await openEventFeed({ log: logWith(log, { read }), positions, tailBytes });
  return {
    log,
    feed,
    positions,
    reads,
    async [Symbol.asyncDispose]() {
      await feed[Symbol.asyncDispose]();
      await log[Symbol.asyncDispose]();
    },
  };
}

/** Positions in `log`, signed with a key for tests. */
export function positionsOf(log: EventLog): Positions {
  return new Positions(createTokenSigner(Buffer.alloc(32, 1)), "c1", log.epoch);
}

let ids = 0;

/** Appends events to a stream, all at once; those without an id get one. */
export function append(
  log: EventLog,
  stream: string,
  ...events: readonly PartialMessage<Event>[]
): Promise<AppendResult> {
  const withId = (fields: PartialMessage<Event>): Event => eventOf({ id: `e${String((ids += 1))}`, ...fields });
  return log.append({ stream, events: events.map((fields) => draftOf(withId(fields))) });
}

/** A selection with defaults for what is left out. */
export function selecting(fields: Partial<Selection> = {}): Selection {
  return { types: [], streams: [], ...fields };
}

/** A filter that keeps the ids of the events that it was evaluated on. */
export function filterOf(text: string, matches: (event: Event) => boolean): EventFilter & { readonly seen: string[] } {
  const seen: string[] = [];
  return {
    text,
    seen,
    matches: (event) => {
      seen.push(event.id);
      return matches(event);
    },
  };
}

/** All that a cursor gives out until it has caught up. */
export async function caughtUp(cursor: FeedCursor, limits: RunLimits = LARGE): Promise<FeedEvent[]> {
  const events: FeedEvent[] = [];
  for (;;) {
    const run = await cursor.next(limits);
    events.push(...run.events);
    if (run.caughtUp) return events;
  }
}

export const LARGE: RunLimits = { maxEvents: 1000, maxBytes: 1024 * 1024 };

/** Of events, or of those of a run. */
export function sequences(run: FeedRun | readonly { readonly log: LogEvent }[]): number[] {
  return ("events" in run ? run.events : run).map(({ log }) => log.sequence);
}
