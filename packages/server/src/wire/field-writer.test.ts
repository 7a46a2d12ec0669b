import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { fieldSource, FieldWriter, lengthFieldBytes, numberFieldBytes } from "./field-writer.js";

const ROOM_BYTES = 8 * 1024;
const [NUMBER_TAG, BYTES_TAG] = [0x08, 0x12];

/** What the stock writer makes of a field with bytes. */
function stockBytes(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? new Uint8Array(0) : new BinaryWriter().uint32(BYTES_TAG).bytes(bytes).finish();
}

describe("a field writer", () => {
  it("writes numbers as the stock writer does, and says how long they are", () => {
    const numbers = fc.oneof(
      fc.maxSafeNat(),
      fc.constantFrom(0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1),
      fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
    );
    fc.assert(
      fc.property(numbers, (value) => {
        const writer = new FieldWriter(Buffer.alloc(ROOM_BYTES));
        writer.number(NUMBER_TAG, value);
        const isNone = value === 0;
        const stock = isNone ? [] : [...new BinaryWriter().uint32(NUMBER_TAG).int64(BigInt(value)).finish()];
        expect([...writer.since(0)]).toEqual(stock);
        expect(numberFieldBytes(value)).toBe(stock.length);
      }),
    );
  });

  it("writes bytes, texts and parts of others as the stock writer does, and says how long they are", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400, size: "max" }),
        fc.nat(20),
        fc.string({ unit: "grapheme" }),
        (bytes, before, text) => {
          const writer = new FieldWriter(Buffer.alloc(ROOM_BYTES));
          const from = fieldSource(Buffer.concat([Buffer.alloc(before, 1), bytes]));
          const utf8 = Buffer.from(text);
          writer.bytes(BYTES_TAG, bytes);
          writer.part(BYTES_TAG, from, before, before + bytes.length);
          const end = writer.length;
          writer.text(BYTES_TAG, text, utf8.length);
          writer.copy(from, before, before + bytes.length);
          const [field, textField] = [stockBytes(bytes), stockBytes(utf8)];
          expect(Buffer.from(writer.since(0))).toEqual(Buffer.concat([field, field, textField, bytes]));
          expect(writer.since(end)).toHaveLength(textField.length + bytes.length);
          expect([lengthFieldBytes(bytes.length), writer.room]).toEqual([field.length, ROOM_BYTES - writer.length]);
        },
      ),
    );
  });
});
