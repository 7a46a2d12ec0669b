import { describe, expect, it } from "@jest/globals";

import type { FoundRow } from "./sqlite-item-found.js";
import { RECORD_BYTES, RowRecord, RowRecords, writeRecord } from "./sqlite-item-record.js";
import { RowRun } from "./sqlite-item-run.js";

const MAX_BYTES = 128 * 1024;
const NO_HEAD = new Uint8Array(0);

/** A row as statements give it. */
function foundRow(version: number, dataBytes: number): FoundRow {
  const data = new Uint8Array(dataBytes).fill(version);
  const buffer = Buffer.alloc(RECORD_BYTES + 8 + dataBytes);
  const end = writeRecord(buffer, 0, { key: `k${String(version)}`, head: NO_HEAD, data, deleted: false });
  new RowRecord(buffer).setPlace({ version, updatedAtMs: 1, id: BigInt(version) });
  return [version, 1, buffer.subarray(0, end - dataBytes), data];
}

/** Rows of these sizes, and how many of them were read. */
function rowsOf(sizes: readonly number[]): {
  read: number;
  after: (last: RowRecord | undefined) => Iterable<FoundRow>;
} {
  const rows = {
    read: 0,
    *after(last: RowRecord | undefined) {
      for (let version = (last?.version ?? 0) + 1; version <= sizes.length; version++) {
        rows.read += 1;
        yield foundRow(version, sizes[version - 1] ?? 0);
      }
    },
  };
  return rows;
}

describe("a run of rows that are read one by one", () => {
  it.each([
    ["rows that are larger than a page", [300_000, 300_000, 300_000], 1, 1],
    ["rows that fill a page exactly", [MAX_BYTES / 2, MAX_BYTES / 2, 10], 2, 2],
    ["a row that does not fit any more", [100_000, 10, 100_000, 10], 2, 3],
  ])("takes what fits and reads no more than shows that: %s", (_, sizes, taken, read) => {
    const run = new RowRun({ maxRows: 1000, maxBytes: MAX_BYTES });
    const rows = rowsOf(sizes);
    expect(run.fill((_rows, last) => rows.after(last))).toBe(false);
    expect([new RowRecords(run.finish()).count, rows.read]).toEqual([taken, read]);
  });

  it("reads large rows one by one when a page of them is asked for as one", () => {
    const run = new RowRun({ maxRows: 1000, maxBytes: MAX_BYTES });
    const rows = rowsOf([1_000_000, 1_000_000, 1_000_000]);
    const exhausted = run.fillPacked({
      fetch: (_rows, last) => rows.after(last),
      fetchPacked: () => [2, 1 + 2, Buffer.from("1".padStart(RECORD_BYTES, "0") + "2".padStart(RECORD_BYTES, "0"))],
      hasData: true,
      rowBytes: 1_000_000,
    });
    expect([exhausted, new RowRecords(run.finish()).lastKey, rows.read]).toEqual([false, "k1", 1]);
  });
});
