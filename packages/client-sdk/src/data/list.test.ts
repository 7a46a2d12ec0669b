import { describe, expect, it } from "@jest/globals";
import { DatasetServiceDefinition, methodPath } from "@millrace/shared-types";

import { randomFaults } from "../testing/fault-plan.js";
import { seededRandom } from "../testing/seeded-random.js";
import { within } from "../testing/within.js";
import { keysOf, openData, upTo } from "./fake-data-server.test.support.js";

const LIST = methodPath(DatasetServiceDefinition, DatasetServiceDefinition.methods.listBatches);

const cutFirst = (messages: number) => {
  let left = 1;
  return ({ path }: { readonly path: string }) =>
    path === LIST && left-- > 0 ? { cutAfter: { messages } } : undefined;
};

describe("a listing", () => {
  it.each([
    [{}, upTo(7)],
    [{ limit: 4 }, upTo(4)],
    [{ limit: 3 }, upTo(3)],
    [{ prefix: "k00", descending: true, limit: 2 }, ["k006", "k005"]],
    [{ prefix: "none" }, []],
  ])("gives what was asked for and ends: %j", async (options, keys) => {
    await using opened = openData();
    opened.server.fill(7);
    const listing = opened.data.list(options);
    expect(await keysOf(listing)).toEqual(keys);
    expect(await listing.closed).toEqual({ type: "completed" });
  });

  it("gives items as they are", async () => {
    await using opened = openData();
    opened.server.write({ key: "a", data: Buffer.from("[1]"), contentType: "application/json", name: "A" });
    for await (const item of opened.data.list()) {
      expect(item).toMatchObject({ id: "1", key: "a", name: "A", version: 1, updatedAt: new Date(0), attributes: {} });
      expect([item.text(), item.json()]).toEqual(["[1]", [1]]);
    }
  });

  it.each([{}, { limit: 6 }])("gives each item once, wherever it is cut: %j", async (options) => {
    for (let messages = 0; messages <= 5; messages++) {
      await using opened = openData(cutFirst(messages));
      opened.server.fill(8);
      expect(await keysOf(opened.data.list(options))).toEqual(upTo(options.limit ?? 8));
    }
  });

  it("reads one snapshot, also when it is cut before its first item", async () => {
    await using opened = openData({ cutAfter: { messages: 2 } });
    const { server, data, faults } = opened;
    server.fill(4);
    const keys: string[] = [];
    for await (const { key } of data.list()) {
      keys.push(key);
      server.write({ key: `${key}-later` });
    }
    expect(keys).toEqual(upTo(4));
    expect(faults.faults).toBeGreaterThan(0);
  });

  it("goes on in another listing after each item that was finished, however its batches are cut", async () => {
    const seed = Date.now() % 1_000_000;
    const random = seededRandom(seed);
    for (let left = 0; left <= 10; left++) {
      await using opened = openData();
      opened.server.fill(10);
      opened.server.batchItems = () => 1 + Math.floor(random() * 4);
      const first = opened.data.list();
      const keys: string[] = [];
      for await (const { key } of first) {
        if (keys.length === left) break;
        keys.push(key);
      }
      const { position = "" } = first;
      opened.server.write({ key: "k000-new" });
      const from = position === "" ? {} : { from: position };
      const second = await keysOf(opened.data.list({ ...from, limit: 100 }));
      expect({ seed, left, keys: [...keys, ...second] }).toEqual({ seed, left, keys: upTo(10) });
    }
  });

  it("has no position within its first batch if the server does not say where it began", async () => {
    await using opened = openData();
    opened.server.fill(5);
    opened.server.sendsHeader = false;
    const positions: (string | undefined)[] = [];
    const listing = opened.data.list();
    for await (const _ of listing) positions.push(listing.position);
    expect(positions).toEqual([undefined, undefined, undefined, "c0-3", "c0-3~1"]);
    expect(listing.position).toBe("c0-5");
  });

  it("gives each item once under random faults", async () => {
    const seed = Date.now() % 1_000_000;
    for (let round = 0; round < 20; round++) {
      await using opened = openData(randomFaults(seed + round, { probability: 0.8, maxMessages: 6 }));
      opened.server.fill(30);
      const found = await within(keysOf(opened.data.list({ limit: 25 })), `seed ${String(seed + round)}`);
      expect({ seed: seed + round, found }).toEqual({ seed: seed + round, found: upTo(25) });
    }
  });

  it("answers in order when items are asked for ahead", async () => {
    await using opened = openData();
    opened.server.fill(8);
    const items = opened.data.list()[Symbol.asyncIterator]();
    const results = await Promise.all(Array.from({ length: 10 }, () => items.next()));
    expect(results.map(({ value }) => value?.key)).toEqual([...upTo(8), undefined, undefined]);
  });

  it("ends at once when it is left, cancelled or aborted", async () => {
    await using opened = openData();
    opened.server.fill(9);
    const left = opened.data.list();
    for await (const _ of left) break;
    expect(await left.closed).toEqual({ type: "cancelled" });
    const cancelled = opened.data.list();
    const keys: string[] = [];
    for await (const { key } of cancelled) {
      keys.push(key);
      cancelled.cancel();
    }
    expect(keys).toEqual(upTo(1));
    const caller = new AbortController();
    const aborted = opened.data.list({ signal: caller.signal });
    const loop = (async () => {
      for await (const _ of aborted) caller.abort();
    })();
    await expect(loop).rejects.toMatchObject({ name: "AbortError", position: "c2-0~1" });
    expect(opened.client.stats().active).toBe(0);
  });

  it("refuses options that it does not know", async () => {
    await using opened = openData();
    expect(() => opened.data.list({ keyPrefix: "a" } as never)).toThrow("did you mean prefix?");
    expect(() => opened.data.list({ limit: 0 })).toThrow(RangeError);
    for (const from of ["a~b", 5, null, {}, ["a"]] as never[]) {
      expect(() => opened.data.list({ from })).toThrow(new TypeError("option 'from' is not the position of a listing"));
    }
    expect(() => opened.data.list({ consistency: "none" as never })).toThrow("consistency");
  });
});
