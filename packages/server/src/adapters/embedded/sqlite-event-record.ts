/**
 * Events as the threads of a SqliteEventLog hand them to each other: packed one after the other in one
 * buffer, which is transferred instead of cloned. Runs in the workers too: imports only node: modules and what does so too.
 *
 * A record is sequence, revision, first and last sequence of the append, time (float64 each); tombstone and
 * the lengths of stream, id, type, key, head and payload (uint32 each); then these six. Little-endian.
 */
import type { EventDraft, LogEvent } from "../../ports/event-log.js";

import { crc32 } from "./crc32.js";

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
    return crc32(this.#buffer, this.#start, this.end);
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
      tombstone: this.#buffer.readUInt32LE(this.#start + TOMBSTONE_AT) === 1,
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
    return this.#buffer.subarray(this.#start + TOMBSTONE_AT, this.end);
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
