/**
 * Events as the threads of a SqliteEventLog hand them to each other: packed one after the other in one
 * buffer, which is transferred instead of cloned. Runs in the workers too: imports only node: modules.
 *
 * A record is sequence, revision, first and last sequence of the append, time (float64 each); tombstone and
 * the lengths of stream, id, type, key, head and payload (uint32 each); then these six. Little-endian.
 */
import { crc32 } from "node:zlib";

import type { EventDraft, LogEvent } from "../../ports/event-log.js";

/** Where an event is in the log. */
export interface EventPlace {
  readonly sequence: number;
  readonly revision: number;
  readonly appendStart: number;
  readonly appendEnd: number;
  readonly storedAtMs: number;
}

/** What an event says, and where. */
export interface EventContent extends EventDraft {
  readonly stream: string;
}

const PLACE_BYTES = 5 * 8;
const PARTS = ["stream", "id", "type", "key", "head", "payload"] as const;
const LENGTHS_AT = PLACE_BYTES + 4;
const PARTS_AT = LENGTHS_AT + 4 * PARTS.length;

/** Most bytes that UTF-8 needs for a UTF-16 unit. */
const MAX_UNIT_BYTES = 3;

/** A buffer that grows as records are added to it. */
export class RecordWriter {
  #buffer: Buffer;
  #length = 0;

  /** @param bytes what it will hold, about */
  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(bytes);
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
    this.#buffer.writeUInt32LE(tombstone ? 1 : 0, start + PLACE_BYTES);
    this.#length = start + PARTS_AT;
    this.#addText(start, 0, stream);
    this.#addText(start, 1, id);
    this.#addText(start, 2, type);
    this.#addText(start, 3, key);
    this.#addBytes(start, 4, head);
    this.#addBytes(start, 5, payload);
    const record = new EventRecord(this.#buffer, start);
    if (place !== undefined) record.setPlace(place);
    return record;
  }

  /** Takes back all that was added since `length` had this value. */
  cut(length: number): void {
    this.#length = length;
  }

  /** All that was added, ready to be transferred. Ends the writer. */
  finish(): ArrayBuffer {
    return this.#transfer(this.#length);
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
    if (needed > this.#buffer.length)
      this.#buffer = Buffer.from(this.#transfer(Math.max(needed, 2 * this.#buffer.length)));
  }

  #transfer(bytes: number): ArrayBuffer {
    return (this.#buffer.buffer as ArrayBuffer).transfer(bytes);
  }
}

/** A view of one record in a buffer. */
export class EventRecord {
  /** Where the record ends. */
  readonly end: number;
  readonly #buffer: Buffer;
  readonly #start: number;

  constructor(buffer: Buffer, start: number) {
    this.#buffer = buffer;
    this.#start = start;
    this.end = start + PARTS_AT;
    for (let index = 0; index < PARTS.length; index += 1) this.end += this.#lengthOf(index);
  }

  setPlace({ sequence, revision, appendStart, appendEnd, storedAtMs }: EventPlace): void {
    let at = this.#buffer.writeDoubleLE(sequence, this.#start);
    at = this.#buffer.writeDoubleLE(revision, at);
    at = this.#buffer.writeDoubleLE(appendStart, at);
    at = this.#buffer.writeDoubleLE(appendEnd, at);
    this.#buffer.writeDoubleLE(storedAtMs, at);
  }

  /** Of all of the record. */
  checksum(): number {
    return crc32(this.#buffer.subarray(this.#start, this.end));
  }

  /** Whether the other record says the same, wherever it is. */
  saysTheSame(other: EventRecord): boolean {
    return this.#said().equals(other.#said());
  }

  content(): EventContent {
    const streamAt = this.#start + PARTS_AT;
    const idAt = streamAt + this.#lengthOf(0);
    const typeAt = idAt + this.#lengthOf(1);
    const keyAt = typeAt + this.#lengthOf(2);
    const headAt = keyAt + this.#lengthOf(3);
    const payloadAt = headAt + this.#lengthOf(4);
    return {
      stream: this.#text(streamAt, idAt),
      id: this.#text(idAt, typeAt),
      type: this.#text(typeAt, keyAt),
      key: this.#text(keyAt, headAt),
      tombstone: this.#buffer.readUInt32LE(this.#start + PLACE_BYTES) === 1,
      head: this.#bytes(headAt, payloadAt),
      payload: this.#bytes(payloadAt, this.end),
    };
  }

  /** The event; head and payload are views of the buffer. */
  event(): LogEvent {
    const { stream, id, type, key, tombstone, head, payload } = this.content();
    return {
      stream,
      id,
      type,
      key,
      tombstone,
      head,
      payload,
      sequence: this.#buffer.readDoubleLE(this.#start),
      revision: this.#buffer.readDoubleLE(this.#start + 8),
      appendEnd: this.#buffer.readDoubleLE(this.#start + 24),
      storedAtMs: this.#buffer.readDoubleLE(this.#start + 32),
    };
  }

  #said(): Buffer {
    return this.#buffer.subarray(this.#start + PLACE_BYTES, this.end);
  }

  /** Of one of the {@link PARTS}. */
  #lengthOf(index: number): number {
    return this.#buffer.readUInt32LE(this.#start + LENGTHS_AT + 4 * index);
  }

  #text(begin: number, end: number): string {
    return this.#buffer.toString("utf8", begin, end);
  }

  #bytes(begin: number, end: number): Uint8Array {
    return new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset + begin, end - begin);
  }
}

/** The events of a buffer that holds nothing but records. */
export function readRecords(records: ArrayBuffer): LogEvent[] {
  const buffer = Buffer.from(records);
  const events: LogEvent[] = [];
  for (let at = 0; at < buffer.length;) {
    const record = new EventRecord(buffer, at);
    events.push(record.event());
    at = record.end;
  }
  return events;
}
