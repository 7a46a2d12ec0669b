import { inspect } from "node:util";

import { describe, expect, it } from "@jest/globals";
import {
  DataBatch,
  DataItem as WireItem,
  decodeMessage,
  encodeMessage,
  ListBatchesResponse,
  MalformedMessageError,
} from "@millrace/shared-types";
import fc from "fast-check";

import { ListedItem } from "./listed-item.js";
import { LIST_BATCHES } from "./received-batch.js";
import { toDataItem } from "./received-item.js";
import type { DataItem } from "./types.js";

const { fromBytes } = LIST_BATCHES.responseType;

const ascii = fc.string({ unit: "binary-ascii", maxLength: 30 });
const numbers = fc.oneof(
  fc.nat(),
  fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  fc.constantFrom(127, 128, 2 ** 31, 2 ** 32),
);
const times = fc.record({ seconds: fc.nat({ max: 253_402_300_799 }), nanos: fc.nat({ max: 999_999_999 }) });

/** The form that most items have. */
const usual = fc.record({
  id: numbers.map(String),
  key: ascii,
  data: fc.uint8Array({ maxLength: 300 }),
  version: numbers,
  updateTime: times,
  contentType: ascii,
  name: ascii,
});

/** Any of these makes an item unusual. */
const rare = fc.record(
  {
    id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    key: fc.string({ unit: "grapheme" }),
    name: fc.string({ unit: "grapheme" }),
    cursor: ascii,
    updateTime: fc.record({ seconds: fc.integer({ min: -62_135_596_800, max: -1 }), nanos: fc.constant(5) }),
    attributes: fc.dictionary(ascii, ascii).map((pairs) => new Map(Object.entries(pairs))),
  },
  { requiredKeys: [] },
);

const mixed = fc.tuple(usual, fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, rare)).map(([item, odd]) => ({
  ...item,
  ...odd,
}));

function bytesOf(items: readonly Partial<WireItem>[], cursor: string): Buffer {
  const batch = DataBatch.fromPartial({ items: items.map((item) => WireItem.fromPartial(item)), cursor });
  return encodeMessage(ListBatchesResponse, { batch: { ...batch, rowCount: items.length, progress: 0.5 } });
}

const publicItem = (item: ListedItem | WireItem): DataItem => (item instanceof ListedItem ? item : toDataItem(item));

function fieldsOf(item: DataItem): object {
  const { id, key, data, contentType, version, updatedAt, attributes, name } = item;
  return { id, key, data: Buffer.from(data), contentType, version, updatedAt, attributes, name, text: item.text() };
}

/** What a reader makes of bytes, or the kind of its error. */
function outcome(
  read: () => { readonly batch: { readonly items: readonly (ListedItem | WireItem)[] } | undefined },
): unknown {
  try {
    return read().batch?.items.map((item) => fieldsOf(publicItem(item)));
  } catch (error) {
    return (error as Error).name;
  }
}

describe("a batch that is read lazily", () => {
  it("has the items and the cursor that the codec reads", () => {
    fc.assert(
      fc.property(fc.array(mixed, { maxLength: 5 }), ascii, (items, cursor) => {
        const bytes = bytesOf(items, cursor);
        expect(outcome(() => fromBytes(bytes))).toEqual(outcome(() => decodeMessage(ListBatchesResponse, bytes)));
        expect(fromBytes(bytes).batch?.cursor).toBe(cursor);
      }),
      { numRuns: 500 },
    );
  });

  it("leaves its items where they are if they have the form that most have", () => {
    fc.assert(
      fc.property(fc.array(usual, { minLength: 1, maxLength: 5 }), (items) => {
        expect(fromBytes(bytesOf(items, "c")).batch?.items.every((item) => item instanceof ListedItem)).toBe(true);
      }),
    );
  });

  it("is refused when the codec refuses it, and else read alike, however it is damaged", () => {
    const damage = fc.array(fc.record({ at: fc.nat(), value: fc.nat(255), cut: fc.boolean() }), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(fc.array(mixed, { minLength: 1, maxLength: 3 }), damage, (items, changes) => {
        let bytes = bytesOf(items, "cursor");
        for (const { at, value, cut } of changes) {
          const index = at % Math.max(1, bytes.length);
          if (cut && value < 8) bytes = bytes.subarray(0, index);
          else
            bytes = Buffer.concat([
              bytes.subarray(0, index),
              Uint8Array.of(value),
              bytes.subarray(index + (cut ? 0 : 1)),
            ]);
        }
        expect(outcome(() => fromBytes(bytes))).toEqual(outcome(() => decodeMessage(ListBatchesResponse, bytes)));
      }),
      { numRuns: 5000 },
    );
  });

  it("is refused when it has more elements than a message may have", () => {
    const item = encodeMessage(WireItem, WireItem.fromPartial({ updateTime: { seconds: 1, nanos: 0 } }));
    const framed = Buffer.concat([Uint8Array.of(0x0a, item.length), item]);
    const items = Buffer.alloc(framed.length * 60_000, framed);
    const length = Uint8Array.of((items.length & 0x7f) | 0x80, ((items.length >> 7) & 0x7f) | 0x80, items.length >> 14);
    expect(() => fromBytes(Buffer.concat([Uint8Array.of(0x0a), length, items]))).toThrow(MalformedMessageError);
  });

  it("has items that show what they hold", () => {
    const [item] = fromBytes(bytesOf([{ key: "a", updateTime: { seconds: 1, nanos: 0 } }], "c")).batch?.items ?? [];
    expect(item).toBeInstanceOf(ListedItem);
    expect(JSON.parse(JSON.stringify(item))).toMatchObject({
      id: "0",
      key: "a",
      updatedAt: "1970-01-01T00:00:01.000Z",
    });
    expect(inspect(item)).toContain("key: 'a'");
  });

  it("gives the same data and date each time", () => {
    const [item] =
      fromBytes(bytesOf([{ key: "a", data: Buffer.from("x"), updateTime: { seconds: 1, nanos: 0 } }], "c")).batch
        ?.items ?? [];
    const { data, updatedAt } = publicItem(item as ListedItem);
    expect([(item as ListedItem).data, (item as ListedItem).updatedAt]).toEqual([data, updatedAt]);
    expect((item as ListedItem).data).toBe(data);
  });
});
