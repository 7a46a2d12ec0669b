import { describe, expect, it } from "@jest/globals";

import { PendingItems, type PendingLimits } from "./pending-items.js";

const MANY: PendingLimits = { maxItems: 1000, maxBytes: 1_000_000 };

/** The items of a source that counts how often it was asked. */
function openPending(limits: Partial<PendingLimits>, count = 100, bytes = 0) {
  const asked = { times: 0 };
  const source = function* () {
    for (let n = 0; n < count; n++) {
      asked.times++;
      yield { payload: Buffer.alloc(bytes) };
    }
  };
  return { asked, pending: new PendingItems(source(), "echo", { ...MANY, ...limits }) };
}

/** Asks for items from `index` on, until one does not come at once. */
async function readOn(pending: PendingItems<object>, index: number): Promise<number> {
  for (let next = index; ; next++) {
    const turns = new Promise<"waits">((resolve) => setTimeout(() => resolve("waits"), 20));
    const item = await Promise.race([pending.from(next), turns]);
    if (item === "waits" || item === undefined) return next;
  }
}

describe("items without a result", () => {
  it.each([
    ["items", { maxItems: 5 }, 0, 5],
    ["bytes", { maxBytes: 10_000 }, 2000, 5],
    ["bytes, and one item", { maxBytes: 1 }, 5000, 1],
  ])("are so many at most (%s), and more are read when one has its result", async (_, limits, bytes, most) => {
    const { pending, asked } = openPending(limits, 100, bytes);
    expect(await readOn(pending, 0)).toBe(most);
    expect([asked.times, pending.size]).toEqual([most, most]);
    const next = pending.from(most);
    expect(pending.take(0)).toMatchObject({ index: 0 });
    expect(await next).toMatchObject({ index: most });
    expect(pending.take(0)).toBeUndefined();
  });

  it("are found again in order, without those that have their result", async () => {
    const { pending } = openPending({}, 5);
    expect(await readOn(pending, 0)).toBe(5);
    pending.take(0);
    pending.take(2);
    const indexes: (number | undefined)[] = [];
    for (let item = await pending.from(0); item !== undefined; item = await pending.from(item.index + 1)) {
      indexes.push(item.index);
    }
    expect(indexes).toEqual([1, 3, 4]);
  });

  it("come from one read, whoever waits for it, and a failure is told to everybody", async () => {
    const error = new Error("no more");
    let reads = 0;
    const source = {
      [Symbol.asyncIterator]: () => ({
        async next() {
          if (reads++ === 0) return { done: false as const, value: {} };
          throw error;
        },
      }),
    };
    const pending = new PendingItems(source, "echo", MANY);
    expect(await Promise.all([pending.from(0), pending.from(0)])).toMatchObject([{ index: 0 }, { index: 0 }]);
    await expect(pending.from(1)).rejects.toBe(error);
    await expect(pending.from(1)).rejects.toBe(error);
    expect(reads).toBe(2);
  });
});
