/**
 * Rows as the threads of a SqliteItemStore hand them to each other, and as they are stored. Runs in the workers too:
 * imports only node: modules and what does so too.
 *
 * A record is the checksum of what follows up to its data, that of its data (uint32 each), version and time (float64
 * each), id (int64), whether it is a tombstone, and the lengths of key, head and data (uint32 each); then key, head and
 * data. Little-endian. Records follow each other in a buffer without gaps.
 */
import type { PackedRow, PackedRows, Row } from "../../ports/item-store.js";

import { crc32 } from "./crc32.js";

const DATA_CHECKSUM_AT = 4;
const VERSION_AT = 8;
const TIME_AT = 16;
const ID_AT = 24;
const DELETED_AT = 32;
const LENGTHS_AT = 36;
const DATA_LENGTH_AT = LENGTHS_AT + 8;
/** Where the key begins. */
const KEY_AT = 48;

const TWO_POW_32 = 2 ** 32;
/** High half of the first number that a float64 does not hold exactly. */
const MAX_SAFE_HIGH = 2 ** 21;

/** What a record takes beside key, head and data, in bytes. */
export const RECORD_BYTES: number = KEY_AT;

/** What a writer says of a row. */
export interface RowContent {
  readonly key: string;
  readonly head: Uint8Array;
  readonly data: Uint8Array;
  readonly deleted: boolean;
}

/** What the store adds to it. */
export interface RowPlace {
  readonly version: number;
  readonly updatedAtMs: number;
  readonly id: bigint;
}

/** Puts a record without a place into `buffer`; where it ends. */
export function writeRecord(buffer: Buffer, start: number, { key, head, data, deleted }: RowContent): number {
  const keyBytes = buffer.write(key, start + KEY_AT);
  const headAt = start + KEY_AT + keyBytes;
  const dataAt = headAt + head.length;
  buffer.set(head, headAt);
  buffer.set(data, dataAt);
  buffer.writeUInt32LE(deleted ? 1 : 0, start + DELETED_AT);
  for (const [index, length] of [keyBytes, head.length, data.length].entries()) {
    buffer.writeUInt32LE(length, start + LENGTHS_AT + 4 * index);
  }
  return dataAt + data.length;
}

/** A view of one record in a buffer. */
export class RowRecord implements PackedRow {
  readonly keyAt: number;
  readonly headAt: number;
  readonly dataAt: number;
  readonly end: number;
  readonly #buffer: Buffer;
  readonly #start: number;

  constructor(buffer: Buffer, start: number) {
    this.#buffer = buffer;
    this.#start = start;
    this.keyAt = start + KEY_AT;
    this.headAt = this.keyAt + buffer.readUInt32LE(start + LENGTHS_AT);
    this.dataAt = this.headAt + buffer.readUInt32LE(start + LENGTHS_AT + 4);
    this.end = this.dataAt + buffer.readUInt32LE(start + DATA_LENGTH_AT);
  }

  get version(): number {
    return this.#buffer.readDoubleLE(this.#start + VERSION_AT);
  }

  get updatedAtMs(): number {
    return this.#buffer.readDoubleLE(this.#start + TIME_AT);
  }

  get id(): bigint {
    return this.#buffer.readBigInt64LE(this.#start + ID_AT);
  }

  /** Without a bigint where a number can hold it: several times as fast. */
  get idNumber(): number | bigint {
    const high = this.#buffer.readUInt32LE(this.#start + ID_AT + 4);
    if (high >= MAX_SAFE_HIGH) return this.id;
    return high * TWO_POW_32 + this.#buffer.readUInt32LE(this.#start + ID_AT);
  }

  get deleted(): boolean {
    return this.#buffer.readUInt32LE(this.#start + DELETED_AT) === 1;
  }

  get key(): Uint8Array {
    return this.#bytes(this.keyAt, this.headAt);
  }

  get data(): Uint8Array {
    return this.#bytes(this.dataAt, this.end);
  }

  /** Of head and data. */
  get contentBytes(): number {
    return this.end - this.headAt;
  }

  get withoutDataBytes(): number {
    return this.dataAt - this.#start;
  }

  /** All but the data. */
  get withoutData(): Uint8Array {
    return this.#bytes(this.#start, this.dataAt);
  }

  /** Completes the record. */
  setPlace({ version, updatedAtMs, id }: RowPlace): void {
    this.#buffer.writeDoubleLE(version, this.#start + VERSION_AT);
    this.#buffer.writeDoubleLE(updatedAtMs, this.#start + TIME_AT);
    this.setId(id);
    this.#buffer.writeUInt32LE(this.#dataChecksum(), this.#start + DATA_CHECKSUM_AT);
    this.#buffer.writeUInt32LE(this.#checksum(), this.#start);
  }

  setId(id: bigint): void {
    this.#buffer.writeBigInt64LE(id, this.#start + ID_AT);
  }

  /** Leaves the data out; the record ends before it. */
  cutData(): RowRecord {
    this.#buffer.writeUInt32LE(0, this.#start + DATA_LENGTH_AT);
    return new RowRecord(this.#buffer, this.#start);
  }

  /** Whether all but the data is as it was stored. */
  get isWhole(): boolean {
    return this.dataAt <= this.#buffer.length && this.#buffer.readUInt32LE(this.#start) === this.#checksum();
  }

  get isDataWhole(): boolean {
    return this.#buffer.readUInt32LE(this.#start + DATA_CHECKSUM_AT) === this.#dataChecksum();
  }

  /** Whether the other one has the same head and data. */
  saysTheSame(other: RowRecord): boolean {
    return this.#said().equals(other.#said()) && this.data.length === other.data.length;
  }

  /** The row; head and data are views of the buffer. */
  row(): Row {
    return {
      key: this.#buffer.toString("utf8", this.keyAt, this.headAt),
      id: String(this.idNumber),
      head: this.#bytes(this.headAt, this.dataAt),
      data: this.data,
      version: this.version,
      deleted: this.deleted,
      updatedAtMs: this.updatedAtMs,
    };
  }

  #checksum(): number {
    return crc32(this.#buffer, this.#start + DATA_CHECKSUM_AT, this.dataAt);
  }

  #dataChecksum(): number {
    return crc32(this.#buffer, this.dataAt, this.end);
  }

  #said(): Buffer {
    return this.#buffer.subarray(this.headAt, this.end);
  }

  #bytes(begin: number, end: number): Uint8Array {
    return new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset + begin, end - begin);
  }
}

/** All records of a buffer. */
export interface RowRecords extends PackedRows {
  readonly rows: readonly RowRecord[];
}

/** The records of a buffer that holds nothing else. */
export function readRecords(records: ArrayBuffer): RowRecords {
  const buffer = Buffer.from(records);
  const rows: RowRecord[] = [];
  for (let at = 0; at < buffer.length;) {
    const record = new RowRecord(buffer, at);
    rows.push(record);
    at = record.end;
  }
  return { buffer, rows, release: () => void records.transfer(0) };
}

export function readRows(records: ArrayBuffer): Row[] {
  return readRecords(records).rows.map((record) => record.row());
}
