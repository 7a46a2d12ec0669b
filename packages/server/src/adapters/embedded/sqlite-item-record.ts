/**
 * Rows as the threads of a SqliteItemStore hand them to each other, and as they are stored. Runs in the workers too:
 * imports only node: modules and what does so too.
 *
 * A record is the checksum of what follows up to its data, that of its data (uint32 each), version and time (float64
 * each), id (int64), whether it is a tombstone, and the lengths of key, head and data (uint32 each); then key, head and
 * data. Little-endian. Records follow each other in a buffer without gaps.
 */
import type { PackedRow, PackedRows, Row } from "../../ports/item-store.js";

import { crc32, viewOf } from "./crc32.js";

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

/** Records as one thread hands them to another, one after the other in a buffer of their own. */
export interface HandedRecords {
  readonly records: ArrayBuffer;
  readonly count: number;
}

/** A view of one record in a buffer; it can go on to another one. */
export class RowRecord implements PackedRow {
  keyAt = 0;
  headAt = 0;
  dataAt = 0;
  end = 0;
  readonly #buffer: Buffer;
  readonly #view: DataView;
  #start = 0;

  constructor(buffer: Buffer, start = 0) {
    this.#buffer = buffer;
    this.#view = viewOf(buffer);
    this.moveTo(start);
  }

  /** Shows the record that begins there. */
  moveTo(start: number): this {
    const view = this.#view;
    this.#start = start;
    this.keyAt = start + KEY_AT;
    this.headAt = this.keyAt + view.getUint32(start + LENGTHS_AT, true);
    this.dataAt = this.headAt + view.getUint32(start + LENGTHS_AT + 4, true);
    this.end = this.dataAt + view.getUint32(start + DATA_LENGTH_AT, true);
    return this;
  }

  get version(): number {
    return this.#view.getFloat64(this.#start + VERSION_AT, true);
  }

  get updatedAtMs(): number {
    return this.#view.getFloat64(this.#start + TIME_AT, true);
  }

  get id(): bigint {
    return this.#view.getBigInt64(this.#start + ID_AT, true);
  }

  /** Without a bigint where a number can hold it: several times as fast. */
  get idNumber(): number | bigint {
    const high = this.#view.getUint32(this.#start + ID_AT + 4, true);
    if (high >= MAX_SAFE_HIGH) return this.id;
    return high * TWO_POW_32 + this.#view.getUint32(this.#start + ID_AT, true);
  }

  get deleted(): boolean {
    return this.#view.getUint32(this.#start + DELETED_AT, true) === 1;
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
    this.#view.setFloat64(this.#start + VERSION_AT, version, true);
    this.#view.setFloat64(this.#start + TIME_AT, updatedAtMs, true);
    this.setId(id);
    this.#view.setUint32(this.#start + DATA_CHECKSUM_AT, this.#dataChecksum(), true);
    this.#view.setUint32(this.#start, this.#checksum(), true);
  }

  setId(id: bigint): void {
    this.#view.setBigInt64(this.#start + ID_AT, id, true);
  }

  /** Leaves the data out; the record ends before it. */
  cutData(): RowRecord {
    this.#view.setUint32(this.#start + DATA_LENGTH_AT, 0, true);
    return this.moveTo(this.#start);
  }

  /** Whether all but the data is as it was stored. */
  get isWhole(): boolean {
    return this.dataAt <= this.#buffer.length && this.#view.getUint32(this.#start, true) === this.#checksum();
  }

  get isDataWhole(): boolean {
    return this.#view.getUint32(this.#start + DATA_CHECKSUM_AT, true) === this.#dataChecksum();
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
    return crc32(this.#view, this.#start + DATA_CHECKSUM_AT, this.dataAt);
  }

  #dataChecksum(): number {
    return crc32(this.#view, this.dataAt, this.end);
  }

  #said(): Buffer {
    return this.#buffer.subarray(this.headAt, this.end);
  }

  #bytes(begin: number, end: number): Uint8Array {
    return new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset + begin, end - begin);
  }
}

/** The records of a buffer that holds nothing else, seen through one view. */
export class RowRecords implements PackedRows {
  readonly buffer: Buffer;
  readonly count: number;
  readonly #records: ArrayBuffer;

  constructor({ records, count }: HandedRecords) {
    this.#records = records;
    this.buffer = Buffer.from(records);
    this.count = count;
  }

  forEach(use: (row: RowRecord) => void): void {
    if (this.count === 0) return;
    const record = new RowRecord(this.buffer);
    use(record);
    for (let left = this.count - 1; left > 0; left -= 1) use(record.moveTo(record.end));
  }

  get lastKey(): string | undefined {
    if (this.count === 0) return undefined;
    const record = new RowRecord(this.buffer);
    for (let left = this.count - 1; left > 0; left -= 1) record.moveTo(record.end);
    return this.buffer.toString("utf8", record.keyAt, record.headAt);
  }

  rows(): Row[] {
    const rows: Row[] = [];
    this.forEach((record) => rows.push(record.row()));
    return rows;
  }

  release(): void {
    this.#records.transfer(0);
  }
}
