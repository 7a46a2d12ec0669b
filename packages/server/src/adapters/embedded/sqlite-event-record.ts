/**
 * Events as the threads of a SqliteEventLog hand them to each other: packed one after the other in one
 * buffer, which is transferred instead of cloned. Runs in the workers too: imports only node: modules and what does so too.
 *
 * A record is sequence, revision, first and last sequence of the append, time (float64 each); tombstone and
 * the lengths of stream, id, type, key, head and payload (uint32 each); then these six. Little-endian.
 */
import type { EventDraft, LogEvent, PackedEvent } from "../../ports/event-log.js";

import { crc32, viewOf } from "./crc32.js";

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

/** Where in a record the tombstone is, … */
export const TOMBSTONE_AT: number = 5 * 8;
/** … the lengths of its parts, … */
export const LENGTHS_AT: number = TOMBSTONE_AT + 4;

const PARTS = ["stream", "id", "type", "key", "head", "payload"] as const;

/** … and these. */
export const PARTS_AT: number = LENGTHS_AT + 4 * PARTS.length;

/** A view of one record in a buffer. */
export class EventRecord implements PackedEvent {
  readonly buffer: Buffer;
  readonly view: DataView;
  readonly streamAt: number;
  readonly idAt: number;
  readonly typeAt: number;
  readonly keyAt: number;
  readonly headAt: number;
  readonly payloadAt: number;
  /** Where the record ends. */
  readonly end: number;
  readonly #start: number;

  /** @param view of the buffer, if there is one already */
  constructor(buffer: Buffer, start: number, view: DataView = viewOf(buffer)) {
    this.buffer = buffer;
    this.view = view;
    this.#start = start;
    this.streamAt = start + PARTS_AT;
    this.idAt = this.streamAt + this.#lengthOf(0);
    this.typeAt = this.idAt + this.#lengthOf(1);
    this.keyAt = this.typeAt + this.#lengthOf(2);
    this.headAt = this.keyAt + this.#lengthOf(3);
    this.payloadAt = this.headAt + this.#lengthOf(4);
    this.end = this.payloadAt + this.#lengthOf(5);
  }

  get sequence(): number {
    return this.view.getFloat64(this.#start, true);
  }

  get revision(): number {
    return this.view.getFloat64(this.#start + 8, true);
  }

  get appendEnd(): number {
    return this.view.getFloat64(this.#start + 24, true);
  }

  get storedAtMs(): number {
    return this.view.getFloat64(this.#start + 32, true);
  }

  get tombstone(): boolean {
    return this.view.getUint32(this.#start + TOMBSTONE_AT, true) === 1;
  }

  setPlace({ sequence, revision, appendStart, appendEnd, storedAtMs }: EventPlace): void {
    let at = this.buffer.writeDoubleLE(sequence, this.#start);
    at = this.buffer.writeDoubleLE(revision, at);
    at = this.buffer.writeDoubleLE(appendStart, at);
    at = this.buffer.writeDoubleLE(appendEnd, at);
    this.buffer.writeDoubleLE(storedAtMs, at);
  }

  /** Of all of the record. */
  checksum(): number {
    return crc32(this.view, this.#start, this.end);
  }

  /** Whether the other record says the same, wherever it is. */
  saysTheSame(other: EventRecord): boolean {
    return this.#said().equals(other.#said());
  }

  content(): EventContent {
    const { tombstone } = this;
    return {
      stream: this.#text(this.streamAt, this.idAt),
      id: this.#text(this.idAt, this.typeAt),
      type: this.#text(this.typeAt, this.keyAt),
      key: this.#text(this.keyAt, this.headAt),
      tombstone,
      head: this.#bytes(this.headAt, this.payloadAt),
      payload: this.#bytes(this.payloadAt, this.end),
    };
  }

  /** The event; head and payload are views of the buffer. */
  event(): LogEvent {
    const { stream, id, type, key, tombstone, head, payload } = this.content();
    const { sequence, revision, appendEnd, storedAtMs } = this;
    return { stream, id, type, key, tombstone, head, payload, sequence, revision, appendEnd, storedAtMs };
  }

  #said(): Buffer {
    return this.buffer.subarray(this.#start + TOMBSTONE_AT, this.end);
  }

  /** Of one of the {@link PARTS}. */
  #lengthOf(index: number): number {
    return this.view.getUint32(this.#start + LENGTHS_AT + 4 * index, true);
  }

  #text(begin: number, end: number): string {
    return this.buffer.toString("utf8", begin, end);
  }

  #bytes(begin: number, end: number): Uint8Array {
    return new Uint8Array(this.buffer.buffer, this.buffer.byteOffset + begin, end - begin);
  }
}

/** The records at the beginning of a buffer, so many bytes of them. */
export function readRecords(records: ArrayBuffer, bytes: number = records.byteLength): EventRecord[] {
  const buffer = Buffer.from(records, 0, bytes);
  const view = viewOf(buffer);
  const found: EventRecord[] = [];
  for (let at = 0; at < buffer.length;) {
    const record = new EventRecord(buffer, at, view);
    found.push(record);
    at = record.end;
  }
  return found;
}
