/** How a read of a SqliteEventLog goes through events. Imports only node: modules and what does so too. */
import { failureOf } from "./sqlite-event-failure.js";
import type { EventGaps } from "./sqlite-event-gaps.js";
import { PackedEvents, type PackedRows } from "./sqlite-event-packed.js";
import { DamagedEvent, type EventRow } from "./sqlite-event-row.js";
import type { EventRun } from "./sqlite-event-run.js";
import type { Window } from "./sqlite-event-selection.js";

/** Rows that are fetched one by one where they cannot be fetched together, before that is tried again. */
const CHUNK_ROWS = 64;

/** Finds the selected events of a window, in the order of reading, so many at most. */
export interface EventSource {
  readonly rows: (window: Window, max: number) => Iterable<EventRow>;
  /** The same as one; events that take more than `maxBytes` are only mentioned. */
  readonly packed: (window: Window, max: number, maxBytes: number) => PackedRows;
}

export interface ScanOptions {
  readonly source: EventSource;
  readonly run: EventRun;
  readonly backwards: boolean;
  /** Set where every event is looked at, those of the server too, which are left out: explains the holes between them. */
  readonly gaps: EventGaps | undefined;
  /** Size of an event, in bytes, as a guess. */
  readonly eventBytes: number;
}

/**
 * Puts the events of windows into a run, many at a time; where one of them is damaged, row by row, so that what comes before it is
 * read and the refusal says which it is. What is out of order, and holes that nothing explains, are damage too: a bit
 * that has changed must not hide an event.
 */
export class EventScan {
  readonly #source: EventSource;
  readonly #run: EventRun;
  readonly #step: 1 | -1;
  readonly #gaps: EventGaps | undefined;
  readonly #eventBytes: number;
  /** What is left of the window. */
  #rest: Window = { low: 0, high: -1 };

  constructor({ source, run, backwards, gaps, eventBytes }: ScanOptions) {
    this.#source = source;
    this.#run = run;
    this.#step = backwards ? -1 : 1;
    this.#gaps = gaps;
    this.#eventBytes = eventBytes;
  }

  /**
   * Takes the events of a window; false if the run takes no more.
   *
   * @throws {DamagedEvent} for the first one that is not as it was stored; the run has all before it
   */
  take(window: Window): boolean {
    this.#rest = window;
    try {
      return this.#takeAll();
    } catch (error) {
      this.#run.passed(this.#next - this.#step);
      throw error;
    }
  }

  #takeAll(): boolean {
    for (let isOver: boolean | undefined = this.#isOver; !isOver;) {
      const { events: max, maxEventBytes } = this.#run.room(this.#eventBytes);
      const [count, packed] = this.#fetchPacked(max, maxEventBytes);
      if (packed !== null) this.#run.expect(count, packed.length);
      const taken = packed === null ? 0 : this.#takePacked(packed);
      if (taken === undefined) return false;
      isOver = this.#isOver || (taken === count ? count < max : this.#takeRows());
      if (isOver === undefined) return false;
    }
    if (!this.#isOver) this.#gaps?.explain(this.#rest);
    return true;
  }

  /** Damage between events shows when they are fetched one by one. */
  #fetchPacked(max: number, maxBytes: number): PackedRows {
    try {
      return this.#source.packed(this.#rest, max, maxBytes);
    } catch (error) {
      if (failureOf(error).kind === "damaged") return [1, null];
      throw error;
    }
  }

  /** How many of them were taken, up to one that is damaged; `undefined` if no more may be taken. */
  #takePacked(packed: Uint8Array): number | undefined {
    const events = new PackedEvents(packed, this.#next, this.#step);
    let taken = 0;
    for (; events.next(); taken += 1) {
      this.#reach(events.sequence);
      const fits = events.isInternal || (events.isLeftOut ? this.#takeRow() : this.#run.addPacked(events));
      if (fits === undefined) break;
      if (!fits) return undefined;
      this.#leave();
    }
    return taken;
  }

  /** Takes some rows; whether there are no more, or `undefined` if no more may be taken. */
  #takeRows(): boolean | undefined {
    let count = 0;
    for (const row of this.#source.rows(this.#rest, CHUNK_ROWS)) {
      this.#reach(row[0]);
      if (!this.#add(row)) return undefined;
      this.#leave();
      count += 1;
    }
    return count < CHUNK_ROWS;
  }

  /** Takes the next event alone. */
  #takeRow(): boolean {
    const next = this.#next;
    for (const row of this.#source.rows({ low: next, high: next }, 1)) if (row[0] === next) return this.#add(row);
    throw new DamagedEvent(next);
  }

  #add(row: EventRow): boolean {
    if (this.#gaps === undefined || row[7] >= 0) return this.#run.add(row);
    this.#run.leaveOut(row);
    return true;
  }

  /** The next event is the one of `sequence`. */
  #reach(sequence: number): void {
    const { low, high } = this.#rest;
    if (!(sequence >= low && sequence <= high)) throw new DamagedEvent(this.#next);
    if (sequence === this.#next) return;
    this.#gaps?.explain(this.#step > 0 ? { low, high: sequence - 1 } : { low: sequence + 1, high });
    this.#rest = this.#step > 0 ? { low: sequence, high } : { low, high: sequence };
  }

  /** The next event was looked at. */
  #leave(): void {
    const { low, high } = this.#rest;
    this.#rest = this.#step > 0 ? { low: low + 1, high } : { low, high: high - 1 };
  }

  get #next(): number {
    return this.#step > 0 ? this.#rest.low : this.#rest.high;
  }

  get #isOver(): boolean {
    return this.#rest.low > this.#rest.high;
  }
}
