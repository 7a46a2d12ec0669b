/** What a read of a SqliteItemStore has found. Imports only node: modules and what does so too. */
import { addFound, type FoundRow, type PackedRows } from "./sqlite-item-found.js";
import type { HandedRecords, RowRecord } from "./sqlite-item-record.js";
import { DamagedRow, RecordCollector } from "./sqlite-item-record-collector.js";

/** What one read returns, at most: bounds how long others wait. */
const MAX_ROWS = 5_000;
const MAX_BYTES = 8 * 1024 * 1024;

/** Rows that are fetched one by one before others are fetched as one again. */
const CHUNK_ROWS = 64;

/** Rows that are fetched as one: those of a batch, and the next one, which says whether there are more. */
const MAX_PACKED_ROWS = 1001;

/** What is fetched as one is at most so many times what may be taken: rows that are much larger than the others are left out. */
const PACKED_SLACK = 4;

/** Rows up to this size may always be fetched with others, in bytes. */
const SMALL_ROW_BYTES = 4 * 1024;

/** How rows of a scan are fetched. Not more than are asked for; fewer: there are no more. */
export interface RowSource {
  /** Rows after the last one that was taken, if any. Each is read when it is asked for: it may be large. */
  readonly fetch: (rows: number, last: RowRecord | undefined) => Iterable<FoundRow>;
  /** The same as one; rows that are larger than `maxRowBytes` are left out. */
  readonly fetchPacked: (rows: number, maxRowBytes: number, last: RowRecord | undefined) => PackedRows;
  /** Whether rows have their data. */
  readonly hasData: boolean;
  /** Size of a row, in bytes, as a first guess. */
  readonly rowBytes: number;
}

/** What became of rows that were fetched: `some` are taken, and others come next. */
type Taken = "all" | "all that fit" | "some";

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
  fill(fetch: RowSource["fetch"]): boolean {
    for (;;) {
      const taken = this.#takeSome(fetch);
      if (taken !== "some") return taken === "all";
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
      const packed = fetchPacked(wanted, maxRowBytes, this.last);
      const taken = this.#takePacked(packed, hasData);
      if (taken === "all that fit") return false;
      if (taken === "all" && packed[0] < wanted) return true;
      if (taken === "all") continue;
      const takenByOne = this.#takeSome(fetch);
      if (takenByOne !== "some") return takenByOne === "all";
    }
  }

  /** Takes rows one by one, for a while. */
  #takeSome(fetch: RowSource["fetch"]): Taken {
    const wanted = Math.min(CHUNK_ROWS, this.#maxRows - this.#rows + 1);
    let left = wanted;
    for (const row of fetch(wanted, this.last)) {
      if (!this.#take(row)) return "all that fit";
      if (this.#bytes >= this.#maxBytes) return "all that fit"; // without a look at the next, which may be large
      left -= 1;
    }
    return left > 0 ? "all" : "some";
  }

  /** Takes the records up to one that is left out; none, if any of them is damaged or does not belong there. */
  #takePacked([count, versionSum, records]: PackedRows, hasData: boolean): Taken {
    if (records === null) return count === 0 ? "all" : "some";
    const [rows, bytes, lastAt, end] = [this.#rows, this.#bytes, this.#lastAt, this.#records.length];
    this.#records.offer(records);
    let [taken, sum]: [Taken, number] = ["all", 0];
    for (let left = count; left > 0; left -= 1) {
      const next = this.#records.next(hasData);
      if (next === undefined) sum = Number.NaN;
      else sum += typeof next === "number" ? next : next.version;
      if (taken === "all") taken = this.#takeOffered(next);
    }
    if (sum === versionSum) return taken;
    [this.#rows, this.#bytes, this.#lastAt] = [rows, bytes, lastAt];
    this.#records.cut(end);
    return "some";
  }

  #takeOffered(next: RowRecord | number | undefined): Taken {
    if (typeof next !== "object") return "some";
    if (!this.#fits(next)) return "all that fit";
    const at = this.#records.length;
    this.#records.take(next);
    this.#count(next, at);
    return "all";
  }

  #fits({ contentBytes }: RowRecord): boolean {
    return this.#rows < this.#maxRows && (this.#rows === 0 || this.#bytes + contentBytes <= this.#maxBytes);
  }

  #count({ contentBytes }: RowRecord, at: number): void {
    this.#bytes += contentBytes;
    this.#lastAt = at;
    this.#rows += 1;
  }

  /** The row that was taken last, if there is one. */
  get last(): RowRecord | undefined {
    return this.#lastAt === -1 ? undefined : this.#records.at(this.#lastAt);
  }

  /** The records that were taken. Ends the run. */
  finish(): HandedRecords {
    return { records: this.#records.finish(), count: this.#rows };
  }

  #take(row: FoundRow): boolean {
    const at = this.#records.length;
    try {
      const added = addFound(this.#records, row);
      if (this.#fits(added)) this.#count(added, at);
      else this.#records.cut(at);
      return this.#records.length > at;
    } catch (error) {
      if (this.#rows === 0 || !(error instanceof DamagedRow)) throw error;
      return false;
    }
  }
}
