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
  /** What {@link add} and {@link next} return: an object for each record would cost more than to look at it. */
  #record: RowRecord | undefined;
  #length = 0;
  #offeredAt = 0;
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
   * Takes records that follow each other, to be looked at by {@link next}, and the memory that they are all of. What was
   * offered before and not taken is gone.
   */
  offer(records: Uint8Array): void {
    const { buffer, byteLength } = records;
    if (this.#length === 0 && buffer.byteLength === byteLength) this.#setBuffer(buffer as ArrayBuffer);
    else {
      this.#reserve(byteLength);
      this.#buffer.set(records, this.#length);
    }
    this.#offeredAt = this.#length;
    this.#offeredEnd = this.#length + records.length;
  }

  /**
   * A view of the next of the records that were offered, good until another one is asked for; or its version, if that alone is
   * there. `undefined` if it is damaged, or there is none. Whether it belongs there is not known.
   *
   * @param hasData whether its data follow it
   */
  next(hasData: boolean): RowRecord | number | undefined {
    const left = this.#offeredEnd - this.#offeredAt;
    if (left < RECORD_BYTES) return undefined;
    const next = this.at(this.#offeredAt);
    if (next.withoutDataBytes > left || !next.isWhole) return this.#nextVersion();
    if (hasData && (next.end > this.#offeredEnd || !next.isDataWhole)) return undefined;
    const record = hasData ? next : next.cutData();
    this.#offeredAt = record.end;
    return record;
  }

  /** Adds a record that was offered; those before it are added. */
  take({ end }: RowRecord): void {
    this.#length = end;
  }

  #nextVersion(): number | undefined {
    const text = this.#buffer.toString("latin1", this.#offeredAt, this.#offeredAt + RECORD_BYTES);
    if (!/^\d+$/.test(text)) return undefined;
    this.#offeredAt += RECORD_BYTES;
    return Number(text);
  }

  #check(version: number, recordBytes: number, data: Uint8Array | null): RowRecord {
    if (recordBytes < RECORD_BYTES) throw new DamagedRow(version);
    const added = this.at(this.#length);
    const isSame = added.withoutDataBytes === recordBytes && added.isWhole && added.version === version;
    if (!isSame) throw new DamagedRow(version);
    if (data === null) return added.cutData();
    if (added.end !== this.#length + recordBytes + data.length || !added.isDataWhole) throw new DamagedRow(version);
    return added;
  }

  get length(): number {
    return this.#length;
  }

  /** A view of the record that begins there, good until another one is asked for or added. */
  at(start: number): RowRecord {
    this.#record ??= new RowRecord(this.#buffer, start);
    return this.#record.moveTo(start);
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
    if (needed > this.#buffer.length) this.#setBuffer(this.#transfer(Math.max(needed, 2 * this.#buffer.length)));
  }

  #setBuffer(buffer: ArrayBuffer): void {
    this.#buffer = Buffer.from(buffer);
    this.#record = undefined;
  }

  #transfer(bytes: number): ArrayBuffer {
    return (this.#buffer.buffer as ArrayBuffer).transfer(bytes);
  }
}
