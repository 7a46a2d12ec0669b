import { describe, expect, it } from "@jest/globals";

import { MemoryItemStore } from "../adapters/memory/memory-item-store.js";

import { RowReader } from "./row-reader.js";

async function openRows(keys: readonly string[]) {
  const items = new MemoryItemStore();
  const put = (key: string) => ({ key, head: new Uint8Array(0), data: Buffer.from(`data ${key}`) });
  await items.commit(
    keys.map((key) => ({ collection: "c", put: put(key) })),
    { atomic: true },
  );
  const getAll = items.getAll.bind(items);
  const asked: number[] = [];
  items.getAll = (collection, wanted) => {
    asked.push(wanted.length);
    return getAll(collection, wanted);
  };
  return { reader: new RowReader(items), items, asked };
}

describe("rows that are read one by one", () => {
  it("are asked for together, and each is given to the one who asked for it", async () => {
    const keys = Array.from({ length: 100 }, (_, n) => `k${String(n)}`);
    const { reader, asked } = await openRows(keys);
    const wanted = [...keys, "none", "k5"];
    const rows = await Promise.all(wanted.map((key) => reader.get("c", key)));
    expect(rows.map((row) => row && Buffer.from(row.data).toString())).toEqual([
      ...keys.map((key) => `data ${key}`),
      undefined,
      "data k5",
    ]);
    expect(asked).toEqual([64, 38]);
    expect(await reader.get("other", "k1")).toBeUndefined();
  });

  it("fail together if they cannot be read", async () => {
    const { reader, items } = await openRows([]);
    const error = new Error("no disk");
    items.getAll = () => Promise.reject(error);
    const reads = await Promise.allSettled([reader.get("c", "a"), reader.get("c", "b")]);
    expect(reads).toEqual([
      { status: "rejected", reason: error },
      { status: "rejected", reason: error },
    ]);
  });
});
