/** Rows on their way out of the threads of a SqliteItemStore. Imports only node: modules and what does so too. */
import { RECORD_BYTES, RowRecord } from "./sqlite-item-record.js";

/** A row is not what was written. */
export class DamagedRow extends Error {
  override readonly name = "DamagedRow";

  constructor(version: number) {
    super(`the row of version ${String(version)} is damaged`);
  }
}

/** A buffer that grows as records are added to it. */
export class RecordCollector {
  #buffer: Buffer;
  #length = 0;
  #offeredEnd = 0;

  /** @param bytes what it will hold, about */
  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(bytes);
  }

  /**
   * Adds what is stored as `version` and returns a view of it, good until the next one is added.
   *
   * @param data left out, the row is added without
   * @throws {DamagedRow} if it is not what was stored; then nothing is added
   */
  add(version: number, record: Uint8Array, data: Uint8Array | null): RowRecord {
    const bytes = record.length + (data?.length ?? 0);
    this.#reserve(bytes);
    this.#buffer.set(record, this.#length);
    if (data !== null) this.#buffer.set(data, this.#length + record.length);
    const added = this.#check(version, record.length, data);
    this.#length = added.end;
    return added;
  }

  /**
   * Takes records that follow each other, to be added by {@link addNext}, and the memory that they are all of. What was offered
   * before and not added is gone.
   */
  offer(records: Uint8Array): void {
    const { buffer, byteLength } = records;
    if (this.#length === 0 && buffer.byteLength === byteLength) this.#buffer = Buffer.from(buffer);
    else {
      this.#reserve(byteLength);
      this.#buffer.set(records, this.#length);
    }
    this.#offeredEnd = this.#length + records.length;
  }

  /**
   * Adds the next of the records that were offered and returns a view of it, as {@link add} does; `undefined` if that
   * is not what was stored as `version`, or there is none: then nothing is added.
   *
   * @param hasData whether its data follow it
   */
  addNext(version: number, hasData: boolean): RowRecord | undefined {
    const left = this.#offeredEnd - this.#length;
    if (left < RECORD_BYTES) return undefined;
    const next = new RowRecord(this.#buffer, this.#length);
    if (next.withoutDataBytes > left || next.version !== version || !next.isWhole) return undefined;
    if (hasData && (next.end > this.#offeredEnd || !next.isDataWhole)) return undefined;
    const added = hasData ? next : next.cutData();
    this.#length = added.end;
    return added;
  }

  #check(version: number, recordBytes: number, data: Uint8Array | null): RowRecord {
    if (recordBytes < RECORD_BYTES) throw new DamagedRow(version);
    const added = new RowRecord(this.#buffer, this.#length);
    const isSame = added.withoutDataBytes === recordBytes && added.isWhole && added.version === version;
    if (!isSame) throw new DamagedRow(version);
    if (data === null) return added.cutData();
    if (added.end !== this.#length + recordBytes + data.length || !added.isDataWhole) throw new DamagedRow(version);
    return added;
  }

  get length(): number {
    return this.#length;
  }

  /** A view of the record that begins there, good until the next one is added. */
  at(start: number): RowRecord {
    return new RowRecord(this.#buffer, start);
  }

  /** Takes back all that was added since `length` had this value. */
  cut(length: number): void {
    this.#length = length;
  }

  /** All that was added, ready to be transferred. Ends the collector. */
  finish(): ArrayBuffer {
    return this.#transfer(this.#length);
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
