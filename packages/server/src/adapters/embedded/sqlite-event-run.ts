/** What a read of a SqliteEventLog has found. Imports only node: modules and what does so too. */
import type { ReadOptions } from "../../ports/event-log.js";

import type { PackedEvents } from "./sqlite-event-packed.js";
import type { PackedRecords } from "./sqlite-event-protocol.js";
import { RecordWriter } from "./sqlite-event-record-writer.js";
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

/** Events that are fetched as one, at most. */
const MAX_PACKED_EVENTS = 1024;

/** What is fetched as one is at most so many times what may be taken: events that are much larger than the others come one by one. */
const PACKED_SLACK = 4;

/** Events up to this size may always be fetched with others, in bytes. */
const SMALL_EVENT_BYTES = 4 * 1024;

/** What the record of an event takes beside what is packed: places, lengths and names, in bytes, about. */
const RECORD_BYTES = 96;

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
  #last = 0;

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

  /** Size of an event, in bytes: of those so far, if there are any. */
  eventBytes(guess: number): number {
    const { events, bytes } = this.#taken;
    return events === 0 ? guess : Math.max(1, bytes / events);
  }

  /** How many of the next events are of use, about, and up to which size it is worth to fetch them together. */
  room(guessedEventBytes: number): { readonly events: number; readonly maxEventBytes: number } {
    const { events, bytes } = this.#taken;
    const eventBytes = this.eventBytes(guessedEventBytes);
    const ofAppend = this.isEmpty ? this.#leftOfAppend : 0; // the first append is taken whatever it is
    const bytesLeft = Math.max(this.#limits.maxBytes - bytes, ofAppend * eventBytes, 1);
    const fitting = Math.min(this.#limits.maxEvents - events + 1, Math.floor(bytesLeft / eventBytes) + 2);
    const wanted = Math.min(Math.max(fitting, ofAppend + 1), MAX_PACKED_EVENTS);
    return { events: wanted, maxEventBytes: Math.max(SMALL_EVENT_BYTES, (PACKED_SLACK * bytesLeft) / wanted) };
  }

  /**
   * Takes a row; false if it does not fit: then nothing of its append is kept.
   *
   * @throws {DamagedEvent} if it is not what was stored; then nothing has changed
   */
  add(row: EventRow): boolean {
    const [sequence, , start, end] = row;
    const mark = this.#records.length;
    addRow(this.#records, row, this.#names);
    return this.#take(mark, sequence, start, end, row[11].length + row[12].length);
  }

  /** As {@link add}; `undefined` if it is not what was stored, or cannot be packed: then nothing has changed. */
  addPacked(event: PackedEvents): boolean | undefined {
    const { sequence, appendStart, appendEnd, headBytes, payloadBytes } = event;
    const mark = this.#records.length;
    const stream = this.#names.streamBytes(event.streamId);
    if (!this.#records.addPacked(event, stream, this.#names.typeBytes(event.typeId))) return undefined;
    return this.#take(mark, sequence, appendStart, appendEnd, headBytes + payloadBytes);
  }

  /** Says that so many events will come, which take so many bytes with their numbers. */
  expect(events: number, bytes: number): void {
    this.#records.expect(bytes + events * RECORD_BYTES);
  }

  /**
   * Looks at a row that is not wanted.
   *
   * @throws {DamagedEvent} if it is not what was stored
   */
  leaveOut(row: EventRow): void {
    const mark = this.#records.length;
    addRow(this.#records, row, this.#names);
    this.#records.cut(mark);
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
  finish(): PackedRecords {
    if (this.#open !== undefined) this.#records.cut(this.#open.mark);
    return this.#records.finishLoosely();
  }

  #take(mark: number, sequence: number, start: number, end: number, bytes: number): boolean {
    if (this.#open?.end !== end) this.#keep(sequence - this.#step);
    this.#open ??= { start, end, mark, events: 0, bytes: 0 };
    this.#open.events += 1;
    this.#open.bytes += bytes;
    this.#last = sequence;
    if (!this.#fits(this.#open)) return false;
    if (sequence === (this.#step > 0 ? end : start)) this.#keep(sequence);
    return true;
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

  /** With those of the append that may go on. */
  get #taken(): { readonly events: number; readonly bytes: number } {
    const { events = 0, bytes = 0 } = this.#open ?? {};
    return { events: this.#events + events, bytes: this.#bytes + bytes };
  }

  /** Events of it that are still to come, at most. */
  get #leftOfAppend(): number {
    if (this.#open === undefined) return 0;
    return this.#step > 0 ? this.#open.end - this.#last : this.#last - this.#open.start;
  }
}
