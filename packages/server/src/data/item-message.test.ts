import { expect, it } from "@jest/globals";
import { DataItem, decodeMessage, encodeMessage } from "@millrace/shared-types";
import fc from "fast-check";

import type { Row } from "../ports/item-store.js";

import { dataItemBytes, toDataItem } from "./item-message.js";

const rows: fc.Arbitrary<Row> = fc.record({
  id: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String),
  key: fc.string({ unit: "grapheme", maxLength: 60 }),
  head: fc
    .record({ name: fc.string(), contentType: fc.string() })
    .map((head) => encodeMessage(DataItem, DataItem.fromPartial(head))),
  data: fc.uint8Array({ maxLength: 3000 }),
  version: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  deleted: fc.constant(false),
  updatedAtMs: fc.oneof(fc.nat(), fc.integer({ min: -(10 ** 12), max: 10 ** 13 })),
});

it("writes an item by hand as the generated code does", () => {
  fc.assert(
    fc.property(rows, fc.string(), (row, cursor) => {
      const item = { ...toDataItem(row), cursor };
      const written = dataItemBytes(row, cursor);
      expect(decodeMessage(DataItem, written)).toEqual(decodeMessage(DataItem, encodeMessage(DataItem, item)));
      expect(written.length).toBe(encodeMessage(DataItem, item).length);
    }),
  );
});
