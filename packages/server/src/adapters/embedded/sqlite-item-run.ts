/** What a read of a SqliteItemStore has found. Imports only node: modules and what does so too. */
import { addFound, type FoundRow } from "./sqlite-item-found.js";
import { DamagedRow, RecordCollector, type RowRecord } from "./sqlite-item-record.js";

/** What one read returns, at most: bounds how long others wait. */
const MAX_ROWS = 5_000;
const MAX_BYTES = 8 * 1024 * 1024;

/** Rows that are fetched at a time: bounds what is fetched in vain when they turn out to be large. */
const CHUNK_ROWS = 64;

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
      const record = addFound(this.#records, row);
      this.#bytes += record.contentBytes;
      const fits = this.#rows === 0 || this.#bytes <= this.#maxBytes;
      if (fits) this.#lastAt = before;
      else this.#records.cut(before);
      if (!fits) return false;
    } catch (error) {
      if (this.#rows === 0 || !(error instanceof DamagedRow)) throw error;
      return false;
    }
    this.#rows += 1;
    return true;
  }
}
