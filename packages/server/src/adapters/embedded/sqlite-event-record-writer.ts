/** Makes records of a SqliteEventLog. Runs in its workers too: imports only node: modules and what does so too. */

import { crc32, viewOf } from "./crc32.js";
import type { PackedEvents } from "./sqlite-event-packed.js";
import type { PackedRecords } from "./sqlite-event-protocol.js";
import {
  type EventContent,
  type EventPlace,
  EventRecord,
  LENGTHS_AT,
  PARTS_AT,
  TOMBSTONE_AT,
} from "./sqlite-event-record.js";

/** Most bytes that UTF-8 needs for a UTF-16 unit. */
const MAX_UNIT_BYTES = 3;

/** Up to this length, in bytes, a loop copies in less time than a call. */
const SHORT_BYTES = 48;

/** Memory that is handed over is at most so many times what is used of it. */
const MAX_SLACK = 1.5;

/** A buffer that grows as records are added to it. */
export class RecordWriter {
  #buffer: Buffer;
  #view: DataView;
  #length = 0;

  /** @param bytes what it will hold, about */
  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(bytes);
    this.#view = viewOf(this.#buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Adds a number that stands between records. */
  addNumber(value: number): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  /** Adds a record and returns a view of it, good until the next one is added. */
  add({ stream, id, type, key, tombstone, head, payload }: EventContent, place?: EventPlace): EventRecord {
    const units = stream.length + id.length + type.length + key.length;
    this.#reserve(PARTS_AT + MAX_UNIT_BYTES * units + head.length + payload.length);
    const start = this.#length;
    this.#buffer.writeUInt32LE(tombstone ? 1 : 0, start + TOMBSTONE_AT);
    this.#length = start + PARTS_AT;
    this.#addText(start, 0, stream);
    this.#addText(start, 1, id);
    this.#addText(start, 2, type);
    this.#addText(start, 3, key);
    this.#addBytes(start, 4, head);
    this.#addBytes(start, 5, payload);
    const record = new EventRecord(this.#buffer, start, this.#view);
    if (place !== undefined) record.setPlace(place);
    return record;
  }

  /**
   * Adds the event that `from` is at, with the names of its stream and its type; whether it is what was stored. If not,
   * nothing is added.
   */
  addPacked(from: PackedEvents, stream: Buffer, type: Buffer): boolean {
    const { idBytes, keyBytes, headBytes, payloadBytes } = from;
    const start = this.#length;
    const end = start + PARTS_AT + stream.length + type.length + from.partsBytes;
    this.#reserve(end - start);
    const [buffer, view] = [this.#buffer, this.#view];
    view.setFloat64(start, from.sequence, true);
    view.setFloat64(start + 8, from.revision, true);
    view.setFloat64(start + 16, from.appendStart, true);
    view.setFloat64(start + 24, from.appendEnd, true);
    view.setFloat64(start + 32, from.storedAtMs, true);
    view.setUint32(start + TOMBSTONE_AT, from.tombstone, true);
    view.setUint32(start + LENGTHS_AT, stream.length, true);
    view.setUint32(start + LENGTHS_AT + 4, idBytes, true);
    view.setUint32(start + LENGTHS_AT + 8, type.length, true);
    view.setUint32(start + LENGTHS_AT + 12, keyBytes, true);
    view.setUint32(start + LENGTHS_AT + 16, headBytes, true);
    view.setUint32(start + LENGTHS_AT + 20, payloadBytes, true);
    const idEnd = from.partsAt + idBytes;
    let at = copyBytes(stream, 0, stream.length, buffer, start + PARTS_AT);
    at = copyBytes(from.bytes, from.partsAt, idEnd, buffer, at);
    at = copyBytes(type, 0, type.length, buffer, at);
    copyBytes(from.bytes, idEnd, from.partsAt + from.partsBytes, buffer, at);
    if (crc32(view, start, end) !== from.checksum) return false;
    this.#length = end;
    return true;
  }

  /** Takes back all that was added since `length` had this value. */
  cut(length: number): void {
    this.#length = length;
  }

  /** Says that about so many bytes will be added. */
  expect(bytes: number): void {
    if (this.#length > 0) this.#reserve(bytes);
    else if (bytes > this.#buffer.length) this.#use(Buffer.allocUnsafeSlow(bytes)); // nothing to copy
  }

  /** All that was added, ready to be transferred. Ends the writer. */
  finish(): ArrayBuffer {
    return this.#transfer(this.#length);
  }

  /** As {@link finish}, with some unused memory behind it if that saves a copy. */
  finishLoosely(): PackedRecords {
    const isNearlyFull = this.#length * MAX_SLACK >= this.#buffer.length;
    const records = isNearlyFull ? (this.#buffer.buffer as ArrayBuffer) : this.finish();
    return { records, recordsBytes: this.#length };
  }

  #addText(start: number, index: number, text: string): void {
    this.#addPart(start, index, text === "" ? 0 : this.#buffer.write(text, this.#length));
  }

  #addBytes(start: number, index: number, bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#length);
    this.#addPart(start, index, bytes.length);
  }

  #addPart(start: number, index: number, bytes: number): void {
    this.#buffer.writeUInt32LE(bytes, start + LENGTHS_AT + 4 * index);
    this.#length += bytes;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    this.#use(Buffer.from(this.#transfer(Math.max(needed, 2 * this.#buffer.length))));
  }

  #use(buffer: Buffer): void {
    this.#buffer = buffer;
    this.#view = viewOf(buffer);
  }

  #transfer(bytes: number): ArrayBuffer {
    return (this.#buffer.buffer as ArrayBuffer).transfer(bytes);
  }
}

/** Copies a part of `from`; where the copy ends. */
function copyBytes(from: Buffer, begin: number, end: number, to: Buffer, at: number): number {
  if (end - begin > SHORT_BYTES) from.copy(to, at, begin, end);
  else for (let index = begin; index < end; index += 1) to[at + index - begin] = from[index] as number;
  return at + end - begin;
}
