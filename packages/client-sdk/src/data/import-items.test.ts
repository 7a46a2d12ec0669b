import { describe, expect, it } from "@jest/globals";
import { ServiceError } from "@millrace/shared-types";

import { randomFaults } from "../testing/fault-plan.js";
import { latch } from "../testing/latch.js";
import { within } from "../testing/within.js";
import { keyOf, openData } from "./fake-data-server.test.support.js";
import type { ImportProgress, OutgoingItem } from "./types.js";

function* numbered(count: number): Generator<OutgoingItem> {
  for (let n = 0; n < count; n++) yield { key: keyOf(n), data: String(n) };
}

describe("an import", () => {
  it("stores every item, in batches of so many items and bytes", async () => {
    await using opened = openData();
    expect(await opened.data.import(numbered(10), { maxBatchItems: 4, dataset: "d" })).toEqual({
      storedItems: 10,
      storedBytes: 10,
      rejectedItems: 0,
    });
    expect(opened.server.mutations.map(({ mutations, dataset }) => [mutations.length, dataset])).toEqual([
      [4, "d"],
      [4, "d"],
      [2, "d"],
    ]);
    const large = ["a", "b", "c"].map((key) => ({ key, data: Buffer.alloc(key === "b" ? 3000 : 600) }));
    await opened.data.import(large, { maxBatchBytes: 1500 });
    expect(opened.server.mutations.slice(3).map(({ mutations }) => mutations.length)).toEqual([1, 1, 1]);
  });

  it("stores nothing twice and loses nothing under random faults", async () => {
    const seed = Date.now() % 1_000_000;
    for (let round = 0; round < 10; round++) {
      await using opened = openData(randomFaults(seed + round, { probability: 0.7, maxMessages: 2 }));
      const importing = opened.data.import(numbered(60), { maxBatchItems: 5 });
      const { storedItems } = await within(importing, `seed ${String(seed + round)}`);
      const { items, writes } = opened.server;
      const texts = [...items.values()].map(({ data }) => Buffer.from(data).toString());
      expect({ seed, storedItems, writes: Math.max(...writes.values()) }).toEqual({ seed, storedItems: 60, writes: 1 });
      expect(texts.toSorted()).toEqual([...numbered(60)].map(({ data }) => String(data)).toSorted());
    }
  });

  it("has at most so many requests under way, and reads no further meanwhile", async () => {
    await using opened = openData();
    const gate = latch();
    const full = latch();
    let [running, most, read] = [0, 0, 0];
    opened.server.beforeWork = async () => {
      most = Math.max(most, ++running);
      if (running === 3) full.open();
      await gate.promise;
      running--;
    };
    const source = function* (): Generator<OutgoingItem> {
      for (const item of numbered(100)) {
        read++;
        yield item;
      }
    };
    const importing = opened.data.import(source(), { maxBatchItems: 2, maxInFlight: 3 });
    await full.promise;
    expect(read).toBeLessThanOrEqual(9);
    gate.open();
    await importing;
    expect({ most, read }).toEqual({ most: 3, read: 100 });
  });

  it("keeps the last item of a key, also while an earlier one is on its way", async () => {
    await using opened = openData();
    const gate = latch();
    const sent: number[] = [];
    opened.server.beforeWork = async ({ mutations: [first] }) => {
      if (first?.operation?.$case === "put" && first.operation.value.key === "a") await gate.promise;
    };
    const importing = opened.data.import(
      [
        { key: "a", data: "1" },
        { key: "b", data: "1" },
        { key: "a", data: "2" },
      ],
      {
        maxBatchItems: 1,
        onProgress: () => {
          sent.push(opened.server.mutations.length);
          gate.open();
        },
      },
    );
    await importing;
    expect(sent).toEqual([2, 2, 3]);
    expect(Buffer.from(opened.server.items.get("a")?.data ?? []).toString()).toBe("2");
  });

  it("tells how far it is, and which items were refused", async () => {
    await using opened = openData();
    opened.server.itemRefusal = (key) => (key === "k003" ? new ServiceError("LIMIT_EXCEEDED", "too large") : undefined);
    const reports: ImportProgress[] = [];
    const rejected: unknown[] = [];
    const result = await opened.data.import(numbered(6), {
      maxBatchItems: 2,
      onProgress: (progress) => reports.push(progress),
      onRejected: ({ key }, { reason }) => rejected.push([key, reason]),
    });
    expect(rejected).toEqual([["k003", "LIMIT_EXCEEDED"]]);
    expect(result).toEqual({ storedItems: 5, storedBytes: 5, rejectedItems: 1 });
    expect(reports.map(({ storedItems }) => storedItems)).toEqual([2, 3, 5]);
  });

  it("fails with the first item that is refused if nobody is told", async () => {
    await using opened = openData();
    opened.server.itemRefusal = (key) => (key === "k003" ? new ServiceError("LIMIT_EXCEEDED", "too large") : undefined);
    await expect(opened.data.import(numbered(6))).rejects.toMatchObject({ reason: "LIMIT_EXCEEDED" });
  });

  it("sends an item that no request can hold alone", async () => {
    await using opened = openData();
    opened.server.refusal = ({ mutations }) =>
      mutations.some(({ operation }) => operation?.$case === "put" && operation.value.data.length > 3_000_000)
        ? new ServiceError("LIMIT_EXCEEDED", "too large")
        : undefined;
    const rejected: (string | undefined)[] = [];
    const items = [
      { key: "a" },
      { key: "b", data: Buffer.alloc(3_200_000) },
      { key: "c", data: Buffer.alloc(5_000_000) },
    ];
    await opened.data.import([...items, { key: "d" }], { onRejected: ({ key }) => rejected.push(key) });
    expect(new Set(rejected)).toEqual(new Set(["b", "c"]));
    expect([...opened.server.items.keys()].toSorted()).toEqual(["a", "d"]);
  });

  it.each(["the source", "a refusal", "a callback", "the caller"])(
    "ends when %s fails, also while the source waits, and leaves nothing",
    async (who) => {
      await using opened = openData();
      const caller = new AbortController();
      let isClosed = false;
      const source: AsyncIterable<OutgoingItem> = {
        [Symbol.asyncIterator]() {
          let n = 0;
          return {
            next: async () => {
              if (n < 4) return { done: false, value: { key: keyOf(n++) } };
              if (who === "the source") throw new Error("the source failed");
              if (who === "the caller") caller.abort();
              return new Promise<never>(() => {});
            },
            return: async () => {
              isClosed = true;
              return { done: true, value: undefined };
            },
          };
        },
      };
      if (who === "a refusal") opened.server.refusal = () => new ServiceError("RESOURCE_NOT_FOUND", "a refusal failed");
      const importing = opened.data.import(source, {
        maxBatchItems: 2,
        signal: caller.signal,
        onProgress: () => {
          if (who === "a callback") throw new Error("a callback failed");
        },
      });
      const expected = who === "the caller" ? { name: "AbortError" } : { message: `${who} failed` };
      await expect(within(importing, who)).rejects.toMatchObject(expected);
      expect({ isClosed, active: opened.client.stats().active }).toEqual({ isClosed: true, active: 0 });
    },
  );

  it("refuses options and items that it does not know", async () => {
    await using opened = openData();
    await expect(opened.data.import([{ kee: "a" } as never])).rejects.toThrow("did you mean key?");
    await expect(opened.data.import([], { maxInFlight: 0 })).rejects.toThrow(RangeError);
    await expect(opened.data.import([], { batchSize: 1 } as never)).rejects.toThrow("unknown option");
    expect(opened.server.mutations).toHaveLength(0);
  });
});
