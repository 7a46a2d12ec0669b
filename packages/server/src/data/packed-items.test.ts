import { expect, it } from "@jest/globals";
import { DataBatch, DataItem, decodeMessage, encodeMessage } from "@millrace/shared-types";
import fc from "fast-check";

import { RowRecord, RowRecords, writeRecord } from "../adapters/embedded/sqlite-item-record.js";
import type { Row } from "../ports/item-store.js";

import { dataItemBytes } from "./item-message.js";
import { packItems, packRows } from "./packed-items.js";

/** Of DataBatch.items. */
const ITEMS_TAG = 0x0a;

const rows: fc.Arbitrary<Row> = fc.record({
  id: fc
    .oneof(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }), fc.constantFrom(0n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n))
    .map(String),
  key: fc.string({ unit: "grapheme", maxLength: 100 }),
  head: fc
    .record({ name: fc.string(), contentType: fc.string() })
    .map((head) => encodeMessage(DataItem, DataItem.fromPartial(head))),
  data: fc.uint8Array({ maxLength: 3000 }),
  version: fc.oneof(fc.nat({ max: Number.MAX_SAFE_INTEGER }), fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 32)),
  deleted: fc.constant(false),
  updatedAtMs: fc.oneof(fc.constant(1), fc.nat(), fc.integer({ min: -(10 ** 12), max: 10 ** 13 })),
});

it("writes stored rows byte for byte as their items are written one by one", () => {
  fc.assert(
    fc.property(fc.array(rows, { maxLength: 8 }), (batch) => {
      const packed = new RowRecords({ records: recordsOf(batch), count: batch.length });
      const { bytes: written, release } = packItems(packed, ITEMS_TAG);
      const items = batch.map((row) => decodeMessage(DataItem, dataItemBytes(row, "")));
      expect(Buffer.from(written)).toEqual(encodeItems(batch));
      expect(decodeMessage(DataBatch, written).items).toEqual(items);
      expect([packed.count, packed.lastKey]).toEqual([batch.length, batch.at(-1)?.key]);
      release();
    }),
  );
});

it("writes rows that are not together just so, with their cursors", () => {
  const cursors = fc.array(fc.base64String({ maxLength: 200 }), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(fc.array(rows, { maxLength: 8 }), cursors, (batch, texts) => {
      const { bytes: written, release } = packRows(batch, (index) => texts[index] ?? "", ITEMS_TAG);
      expect(Buffer.from(written)).toEqual(encodeItems(batch, texts));
      release();
    }),
  );
});

/** As a store's thread hands them over. */
function recordsOf(batch: readonly Row[]): ArrayBuffer {
  const buffer = Buffer.from(new ArrayBuffer(64 * 1024));
  let end = 0;
  for (const row of batch) {
    const start = end;
    end = writeRecord(buffer, start, row);
    new RowRecord(buffer, start).setPlace({ version: row.version, updatedAtMs: row.updatedAtMs, id: BigInt(row.id) });
  }
  return buffer.buffer.slice(0, end);
}

function encodeItems(batch: readonly Row[], cursors: readonly string[] = []): Buffer {
  return Buffer.concat(
    batch.map((row, index) => {
      const item = dataItemBytes(row, cursors[index] ?? "");
      const length: number[] = [];
      for (let rest = item.length; ; rest >>>= 7) {
        length.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80);
        if (rest < 0x80) break;
      }
      return Buffer.concat([Uint8Array.of(ITEMS_TAG, ...length), item]);
    }),
  );
}
