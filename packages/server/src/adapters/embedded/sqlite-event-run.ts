/** What a read of a SqliteEventLog has found. Imports only node: modules and what does so too. */
import type { ReadOptions } from "../../ports/event-log.js";

import { RecordWriter } from "./sqlite-event-record.js";
import { addRow, type EventRow, type NamesByNumber } from "./sqlite-event-row.js";

/** An append that may go on with the next row. */
interface OpenAppend {
  readonly start: number;
  readonly end: number;
  /** Length of the records before it. */
  readonly mark: number;
  events: number;
  bytes: number;
}

/** Collects rows in the order of reading and keeps whole appends within the limits, or the first one alone. */
export class EventRun {
  /** Everything up to this sequence that is asked for is kept. */
  scannedTo: number;
  readonly #limits: Pick<ReadOptions, "maxEvents" | "maxBytes">;
  readonly #step: 1 | -1;
  readonly #names: NamesByNumber;
  readonly #records = new RecordWriter(64 * 1024);
  #events = 0;
  #bytes = 0;
  #open: OpenAppend | undefined;

  constructor(
    limits: Pick<ReadOptions, "maxEvents" | "maxBytes">,
    step: 1 | -1,
    scannedTo: number,
    names: NamesByNumber,
  ) {
    this.#limits = limits;
    this.#names = names;
    this.#step = step;
    this.scannedTo = scannedTo;
  }

  /** Whether nothing is kept yet. */
  get isEmpty(): boolean {
    return this.#events === 0;
  }

  /** Whether there are events of an append of which the rest is still to come. */
  get isWithinAppend(): boolean {
    return this.#open !== undefined;
  }

  /**
   * Takes a row; false if it does not fit: then nothing of its append is kept.
   *
   * @throws {DamagedEvent}
   */
  add(row: EventRow): boolean {
    const [sequence, , start, end] = row;
    if (this.#open?.end !== end) this.#keep(sequence - this.#step);
    this.#open ??= { start, end, mark: this.#records.length, events: 0, bytes: 0 };
    addRow(this.#records, row, this.#names);
    this.#open.events += 1;
    this.#open.bytes += row[11].length + row[12].length;
    if (!this.#fits(this.#open)) return false;
    if (sequence === (this.#step > 0 ? end : start)) this.#keep(sequence);
    return true;
  }

  /** All events up to `sequence` were looked at. */
  passed(sequence: number): void {
    const open = this.#open;
    if (open === undefined || (this.#step > 0 ? sequence >= open.end : sequence <= open.start)) this.#keep(sequence);
  }

  /** There is nothing more to look at: everything up to `sequence` is in. */
  end(sequence: number): void {
    this.#keep(sequence);
  }

  /** The records that are kept. Ends the run. */
  finish(): ArrayBuffer {
    if (this.#open !== undefined) this.#records.cut(this.#open.mark);
    return this.#records.finish();
  }

  #fits({ events, bytes }: OpenAppend): boolean {
    const { maxEvents, maxBytes } = this.#limits;
    return this.isEmpty || (this.#events + events <= maxEvents && this.#bytes + bytes <= maxBytes);
  }

  #keep(scannedTo: number): void {
    this.#events += this.#open?.events ?? 0;
    this.#bytes += this.#open?.bytes ?? 0;
    this.#open = undefined;
    this.scannedTo = scannedTo;
  }
}
