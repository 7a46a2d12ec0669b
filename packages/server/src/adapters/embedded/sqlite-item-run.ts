/** What a read of a SqliteItemStore has found. Imports only node: modules and what does so too. */
import { addFound, type FoundRow, type PackedRows } from "./sqlite-item-found.js";
import { type RowRecord } from "./sqlite-item-record.js";
import { DamagedRow, RecordCollector } from "./sqlite-item-record-collector.js";

/** What one read returns, at most: bounds how long others wait. */
const MAX_ROWS = 5_000;
const MAX_BYTES = 8 * 1024 * 1024;

/** Rows that are fetched one by one: bounds what is fetched in vain when they turn out to be large. */
const CHUNK_ROWS = 64;

/** Rows that are fetched as one: those of a batch, and the next one, which says whether there are more. */
const MAX_PACKED_ROWS = 1001;

/** What is fetched as one is at most so many times what may be taken: rows that are much larger than the others are left out. */
const PACKED_SLACK = 4;

/** Rows up to this size may always be fetched with others, in bytes. */
const SMALL_ROW_BYTES = 4 * 1024;

/** How rows of a scan are fetched. Not more than are asked for; fewer: there are no more. */
export interface RowSource {
  /** Rows after the last one that was taken, if any. */
  readonly fetch: (rows: number, last: RowRecord | undefined) => readonly FoundRow[];
  /** The same as one; rows that are larger than `maxRowBytes` are left out. */
  readonly fetchPacked: (rows: number, maxRowBytes: number, last: RowRecord | undefined) => PackedRows;
  /** Whether rows have their data. */
  readonly hasData: boolean;
  /** Size of a row, in bytes, as a first guess. */
  readonly rowBytes: number;
}

/** Collects rows while they are within the limits, or the first one alone. */
export class RowRun {
  readonly #maxRows: number;
  readonly #maxBytes: number;
  readonly #records = new RecordCollector(64 * 1024);
  #rows = 0;
  #bytes = 0;
  #lastAt = -1;

  constructor({ maxRows, maxBytes }: { readonly maxRows: number; readonly maxBytes: number }) {
    this.#maxRows = Math.min(maxRows, MAX_ROWS);
    this.#maxBytes = Math.min(maxBytes, MAX_BYTES);
  }

  /**
   * Takes all that fits; whether that was all.
   *
   * @param fetch gives the rows after the last one that was taken, if any: not more than it is asked for; fewer: there are no more
   * @throws {DamagedRow} if already the first row is damaged: what comes before the damage is good
   */
  fill(fetch: (rows: number, last: RowRecord | undefined) => readonly FoundRow[]): boolean {
    for (;;) {
      const wanted = Math.min(CHUNK_ROWS, this.#maxRows - this.#rows + 1);
      const found = fetch(wanted, this.last);
      for (const row of found) if (!this.#take(row)) return false;
      if (found.length < wanted) return true;
    }
  }

  /**
   * As {@link fill}, many rows at a time. Where one of them is large or damaged, rows are fetched one by one for a while.
   *
   * @throws {DamagedRow} as `fill` does
   */
  fillPacked({ fetch, fetchPacked, hasData, rowBytes }: RowSource): boolean {
    for (let guess = rowBytes; ; guess = Math.max(1, this.#bytes / this.#rows)) {
      const [mayTake, bytesLeft] = [this.#maxRows - this.#rows + 1, this.#maxBytes - this.#bytes];
      const wanted = Math.min(mayTake, MAX_PACKED_ROWS, Math.floor(bytesLeft / guess) + 2);
      const maxRowBytes = Math.max(SMALL_ROW_BYTES, (PACKED_SLACK * bytesLeft) / wanted);
      const [count, versions, records] = fetchPacked(wanted, maxRowBytes, this.last);
      const taken = records === null ? 0 : this.#takePacked(versions, records, hasData);
      if (taken === undefined) return false;
      if (taken === count && count < wanted) return true;
      if (taken === count) continue;
      const few = Math.min(CHUNK_ROWS, mayTake - taken);
      const found = fetch(few, this.last);
      for (const row of found) if (!this.#take(row)) return false;
      if (found.length < few) return true;
    }
  }

  /** How many of the records were taken, up to one that is left out or damaged; `undefined` if no more may be taken. */
  #takePacked(versions: string, records: Uint8Array, hasData: boolean): number | undefined {
    this.#records.offer(records);
    let taken = 0;
    for (const version of versions.split(",")) {
      if (this.#rows >= this.#maxRows) return undefined;
      const before = this.#records.length;
      const record = this.#records.addNext(Number(version), hasData);
      if (record === undefined) break;
      if (!this.#keep(record, before)) return undefined;
      taken += 1;
    }
    return taken;
  }

  /** Whether a record that was added may stay. */
  #keep(record: RowRecord, at: number): boolean {
    const bytes = this.#bytes + record.contentBytes;
    if (this.#rows > 0 && bytes > this.#maxBytes) {
      this.#records.cut(at);
      return false;
    }
    this.#bytes = bytes;
    this.#lastAt = at;
    this.#rows += 1;
    return true;
  }

  /** The row that was taken last, if there is one. */
  get last(): RowRecord | undefined {
    return this.#lastAt === -1 ? undefined : this.#records.at(this.#lastAt);
  }

  /** The records that were taken. Ends the run. */
  finish(): ArrayBuffer {
    return this.#records.finish();
  }

  #take(row: FoundRow): boolean {
    if (this.#rows >= this.#maxRows) return false;
    const before = this.#records.length;
    try {
      return this.#keep(addFound(this.#records, row), before);
    } catch (error) {
      if (this.#rows === 0 || !(error instanceof DamagedRow)) throw error;
      return false;
    }
  }
}
