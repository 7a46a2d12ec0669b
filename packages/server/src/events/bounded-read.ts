import { PositionCompacted } from "../ports/event-log.js";

import type { EventsDeps } from "./events-deps.js";
import type { FeedEvent, RunLimits, Selection } from "./feed.js";
import { SelectionReader } from "./selection-reader.js";

/** A part of the log. */
export interface Bounds {
  /** After this sequence, not below the beginning of the log … */
  readonly after: number;
  /** … up to this one. */
  readonly until: number;
  /** From newer to older. Default false. */
  readonly backwards?: boolean;
  /**
   * Only the newest event of every live key: the state at `until`. Who has read a part of it and goes on with
   * all events after that misses nothing either. Default false.
   */
  readonly newestOfKey?: boolean;
}

/** A run, and where to go on after it, or backwards before it. */
export interface BoundedRun {
  readonly events: readonly FeedEvent[];
  readonly position: number;
}

/** Reads a part of the log from storage, to its end. */
export class BoundedRead {
  readonly backwards: boolean;
  readonly #newestOfKey: boolean;
  readonly #reader: SelectionReader;
  #after: number;
  #until: number;

  constructor(
    selection: Selection,
    { after, until, backwards = false, newestOfKey = false }: Bounds,
    deps: EventsDeps,
  ) {
    this.#reader = new SelectionReader(selection, deps.log, deps.positions);
    this.#after = after;
    this.#until = until;
    this.backwards = backwards;
    this.#newestOfKey = newestOfKey;
  }

  get position(): number {
    return this.backwards ? this.#until : this.#after;
  }

  get isOver(): boolean {
    return this.#after >= this.#until;
  }

  /** @throws {PositionCompacted} if retention has overtaken one who reads all events forwards */
  async next(limits: RunLimits): Promise<BoundedRun> {
    try {
      return await this.#read(limits);
    } catch (error) {
      const isGoneForGood = error instanceof PositionCompacted && (this.backwards || this.#newestOfKey);
      if (!isGoneForGood) throw error;
      this.#after = error.firstSequence - 1;
      return { events: [], position: this.position };
    }
  }

  async #read(limits: RunLimits): Promise<BoundedRun> {
    const { backwards } = this;
    const span = { after: this.#after, until: this.#until, backwards, newestOfKey: this.#newestOfKey };
    const { events, scannedTo, exhausted } = await this.#reader.read(span, limits);
    if (backwards) this.#until = exhausted ? this.#after : scannedTo - 1;
    else this.#after = exhausted ? this.#until : scannedTo;
    return { events, position: this.position };
  }
}
