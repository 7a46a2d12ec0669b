import type { Clock } from "../ports/clock.js";
import type { EventLog, LogEvent, ReadOptions } from "../ports/event-log.js";

import { TEXT_TYPE } from "./message-draft.js";

/** A place in a room's stream: everything up to the log's `sequence` has at most this `revision`. */
export interface Place {
  readonly sequence: number;
  readonly revision: number;
}

/** Which part of a room a read is about. */
export interface Extent {
  /** Oldest position; one more than the newest if nothing is left. */
  readonly firstRevision: number;
  readonly newest: Place;
}

/** Room for one event, whatever its size: a read returns one at least. */
const ONE = { maxEvents: 1, maxBytes: 1 };

/** Finds its way in the stream of one room: from positions in the room to positions in the log. */
export class RoomHistory {
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #stream: string;
  readonly #retentionMs: number | undefined;

  constructor({ log, clock }: { readonly log: EventLog; readonly clock: Clock }, stream: string, retentionMs?: number) {
    this.#log = log;
    this.#clock = clock;
    this.#stream = stream;
    this.#retentionMs = retentionMs;
  }

  /** Messages that were stored before this moment are gone, swept away or not. */
  get keptSinceMs(): number {
    return this.#retentionMs === undefined ? -Infinity : this.#clock.now() - this.#retentionMs;
  }

  /** What the room holds now. */
  async extent(): Promise<Extent> {
    // In this order: a stream that is empty after `lastSequence` was read has nothing before it.
    const { lastSequence } = await this.#log.range();
    const { sequence, revision } = (await this.#newestEvent()) ?? { sequence: lastSequence, revision: 0 };
    const newest = { sequence, revision };
    return { firstRevision: await this.#firstRevision(newest), newest };
  }

  /** Where the newest event, or the newest text, is; 0 if there is none. */
  async newestSequence(texts: "texts" | "all"): Promise<number> {
    const event = await this.#newestEvent(texts === "texts" ? { types: [TEXT_TYPE] } : {});
    return event?.sequence ?? 0;
  }

  /**
   * The place right after `revision`, which is not above that of `newest`: a search that guesses by the
   * distance first and then halves, so that it takes few reads in a stream of any length.
   */
  async placeAfter(revision: number, newest: Place): Promise<Place> {
    let low: Place = { sequence: 0, revision: 0 };
    let high = newest;
    if (revision >= high.revision) return high;
    for (let round = 0; low.revision < revision && low.sequence + 1 < high.sequence; round += 1) {
      const share = round % 2 === 0 ? (revision - low.revision) / (high.revision - low.revision) : 1 / 2;
      const until = between(low.sequence, high.sequence, share);
      const before = await this.#newestEvent({ after: low.sequence, until });
      const found = before ?? (await this.#firstEvent({ after: until, until: high.sequence })) ?? high;
      if (found.revision <= revision) low = found;
      else if (before !== undefined) high = found;
      else return { sequence: found.sequence - 1, revision }; // what there was between is gone
    }
    return { sequence: low.sequence, revision };
  }

  /** Whole events in order of the log: from `after` to `until`, both sequences. */
  read(
    options: Pick<ReadOptions, "after" | "until" | "backwards" | "maxEvents" | "maxBytes">,
  ): ReturnType<EventLog["read"]> {
    return this.#log.read({ ...options, streams: [this.#stream] });
  }

  /** The event with this sequence, unless it is gone. */
  async eventAt(sequence: number): Promise<LogEvent | undefined> {
    return this.#newestEvent({ after: sequence - 1, until: sequence });
  }

  async #firstRevision(newest: Place): Promise<number> {
    if (this.#retentionMs === undefined) return Math.max(1, (await this.#log.streamRange(this.#stream)).firstRevision);
    const after = (await this.#log.sequenceAt(this.keptSinceMs)) - 1;
    const oldest = await this.#firstEvent({ after, until: newest.sequence });
    return oldest?.revision ?? newest.revision + 1;
  }

  #newestEvent(options: Partial<ReadOptions> = {}): Promise<LogEvent | undefined> {
    return this.#findOne({ after: 0, ...options, backwards: true });
  }

  #firstEvent(options: Pick<ReadOptions, "after" | "until">): Promise<LogEvent | undefined> {
    return this.#findOne(options);
  }

  /** A read looks at a bounded number of events at a time: goes on until it has found one. */
  async #findOne(options: Pick<ReadOptions, "after" | "until" | "backwards" | "types">): Promise<LogEvent | undefined> {
    for (let from = options; ;) {
      const { events, scannedTo, exhausted } = await this.#log.read({ ...from, ...ONE, streams: [this.#stream] });
      if (events.length > 0 || exhausted) return events[0];
      from = { ...from, ...(from.backwards === true ? { until: scannedTo - 1 } : { after: scannedTo }) };
    }
  }
}

/** A whole number above `low` and below `high`. */
function between(low: number, high: number, share: number): number {
  return Math.min(high - 1, Math.max(low + 1, low + Math.floor((high - low) * share)));
}
