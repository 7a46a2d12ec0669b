import { setImmediate as turn } from "node:timers/promises";

import type { EventLog, LogEvent, ReadOptions } from "../ports/event-log.js";

import type { FeedEvent, RunLimits, Selection } from "./feed.js";
import type { Positions } from "./positions.js";
import { SharedEvent } from "./shared-event.js";
import { StoredEvent } from "./stored-event.js";
import { takeRun } from "./take-run.js";

/** Events that one read gives to a filter, at most: it is asked about all of them in one go. */
const MAX_FILTERED_EVENTS = 1024;

/** What part of the log to read, and how. */
export type ReadSpan = Pick<ReadOptions, "after" | "until" | "backwards" | "newestOfKey">;

/** What was found. */
export interface StoredRun {
  /** Whole appends. May be empty: the search goes on. */
  readonly events: readonly FeedEvent[];
  /** Everything up to this sequence (backwards: from this one on) was looked at. */
  readonly scannedTo: number;
  /** There is nothing more in the span. */
  readonly exhausted: boolean;
}

/** What a log can be read by. */
export type LogReads = Pick<EventLog, "read" | "readPacked">;

/** What a log gave, as far as the filter lets it pass. */
interface FoundRun {
  readonly events: Iterable<FeedEvent>;
  readonly scannedTo: number;
  readonly exhausted: boolean;
}

/** Reads what a selection selects from storage, one bounded run at a time. The filter is asked here. */
export class SelectionReader {
  readonly #selection: Selection;
  readonly #log: LogReads;
  readonly #positions: Positions;
  /** How many events to ask for while the filter lets few of them pass. */
  #wideRead = 0;

  constructor(selection: Selection, log: LogReads, positions: Positions) {
    this.#selection = selection;
    this.#log = log;
    this.#positions = positions;
  }

  /** @throws {PositionCompacted} if events after `after` were trimmed */
  async read(span: ReadSpan, { maxEvents, maxBytes }: RunLimits): Promise<StoredRun> {
    const { types, streams, filter } = this.#selection;
    const asked = filter === undefined ? maxEvents : Math.max(maxEvents, this.#wideRead);
    const found = await this.#find({ ...span, types, streams, maxEvents: asked, maxBytes });
    const { events, isAll } = takeRun(found.events, { maxEvents, maxBytes });
    this.#wideRead = isAll ? Math.min(2 * asked, MAX_FILTERED_EVENTS) : 0;
    if (events.length === 0) await turn(); // a long search lets others in, however fast the storage answers
    if (isAll) return { events, scannedTo: found.scannedTo, exhausted: found.exhausted };
    return { events, scannedTo: edgeOf(events, span), exhausted: false };
  }

  /** Only a filter looks at events: without one they stay packed if they are. */
  async #find(options: ReadOptions): Promise<FoundRun> {
    const isUnread = this.#selection.filter === undefined;
    const packed = isUnread ? await this.#log.readPacked?.(options) : undefined;
    if (packed !== undefined)
      return { ...packed, events: packed.events.map((event) => new StoredEvent(event, this.#positions)) };
    const found = await this.#log.read(options);
    return { ...found, events: this.#passing(found.events) };
  }

  *#passing(events: readonly LogEvent[]): Generator<SharedEvent, void, undefined> {
    const { filter } = this.#selection;
    for (const log of events) {
      const event = new SharedEvent(log, this.#positions);
      if (filter === undefined || filter.matches(event.message)) yield event;
    }
  }
}

function edgeOf(events: readonly FeedEvent[], { after, backwards }: ReadSpan): number {
  const last = events.at(-1)?.log;
  if (last === undefined) return after;
  return backwards === true ? last.sequence : last.appendEnd;
}
