import { randomInt } from "node:crypto";

import { describe, expect, it } from "@jest/globals";
import { ListRequest, ReadConsistency, StatusCode } from "@millrace/shared-types";
import fc from "fast-check";

import { SqliteItemStore } from "../adapters/embedded/sqlite-item-store.js";
import { openTemporaryFolder } from "../adapters/embedded/temporary-folder.js";
import { callOf, collect } from "../files/files-fixture.test.support.js";
import type { HeaderMap } from "../rpc/call-context.js";

import {
  deletion,
  fill,
  keyOf,
  keysOf,
  listed,
  listedBatches,
  listedItems,
  mutate,
  openDataFixture,
  put,
  putJson,
} from "./data-fixture.test.support.js";
import { deleteDataset } from "./delete-dataset.js";
import { listLargeDataset } from "./list-large-dataset.js";
import { sweep } from "./upkeep.js";

const ALL_KEYS = Array.from({ length: 57 }, (_, n) => keyOf(n));

describe("ListLargeDataset", () => {
  it("goes on after every item at which a listing was cut, also when the server was opened anew (S9)", async () => {
    await using folder = await openTemporaryFolder();
    const path = `${folder.path}/items.db`;
    const cursors: string[] = [];
    const { records } = await (async () => {
      await using items = await SqliteItemStore.open(path);
      await using fixture = await openDataFixture({ items });
      await fill(fixture.data, ALL_KEYS.length);
      for await (const { cursor } of listed(fixture.data, { cursorPerItem: true, batchSize: 10 })) cursors.push(cursor);
      await mutate(fixture.data, [put("a new one", ""), deletion(keyOf(30)), put(keyOf(40), "changed")]);
      return fixture;
    })();
    await using items = await SqliteItemStore.open(path);
    await using fixture = await openDataFixture({ items, records });
    for (const [index, startCursor] of cursors.entries()) {
      const rest = await collect(listed(fixture.data, { startCursor }));
      expect(rest.map(({ key }) => key)).toEqual(ALL_KEYS.slice(index + 1));
      const changed = rest.find(({ key }) => key === keyOf(40));
      if (changed !== undefined) expect(Buffer.from(changed.data).toString()).toBe("data 40");
    }
    expect(cursors).toHaveLength(ALL_KEYS.length);
  });

  it("gives a client of the seed a cursor at the end of each batch, and no messages but items", async () => {
    await using fixture = await openDataFixture();
    await fill(fixture.data, 25);
    const items = await collect(listed(fixture.data, { batchSize: 10 }));
    const withCursor = items.flatMap(({ cursor }, index) => (cursor === "" ? [] : [index]));
    expect(withCursor).toEqual([9, 19, 24]);
    expect(items.every(({ control }) => control === undefined)).toBe(true);
  });

  it("says in its headers where it begins, so that who is cut off in the first batch goes on in the same state", async () => {
    await using fixture = await openDataFixture();
    await fill(fixture.data, 5);
    const headers: HeaderMap[] = [];
    const context = { ...callOf().context, sendHeaders: (sent: HeaderMap = {}) => void headers.push(sent) };
    const first = listLargeDataset(ListRequest.fromPartial({}), context, fixture.data);
    await first.next();
    await first.return();
    await mutate(fixture.data, [put("a new one", ""), deletion(keyOf(3))]);
    expect(headers).toEqual([{ "millrace-resume-token": expect.any(String) }]);
    const startCursor = String(headers[0]?.["millrace-resume-token"]);
    expect(await keysOf(listed(fixture.data, { startCursor }))).toEqual(ALL_KEYS.slice(0, 5));
  });

  it("shows one state of the dataset, whatever writers do meanwhile", async () => {
    await using fixture = await openDataFixture();
    const { data } = fixture;
    const accounts = Array.from({ length: 40 }, (_, n) => keyOf(n));
    await mutate(
      data,
      accounts.map((key) => put(key, "100")),
    );
    const balances = new Map(accounts.map((key) => [key, 100]));
    const transfer = async (): Promise<void> => {
      const [from, to] = [keyOf(randomInt(20)), keyOf(20 + randomInt(20))];
      balances.set(from, (balances.get(from) ?? 0) - 1);
      balances.set(to, (balances.get(to) ?? 0) + 1);
      await mutate(data, [put(from, String(balances.get(from))), put(to, String(balances.get(to)))], { atomic: true });
    };
    for (let round = 0; round < 10; round += 1) {
      let sum = 0;
      for await (const item of listed(data, { batchSize: 3 })) {
        sum += Number(Buffer.from(item.data).toString());
        await transfer();
      }
      expect(sum).toBe(4000);
    }
  });

  it("sees changes as it comes to them where it is to be eventually consistent, and no item twice", async () => {
    await using fixture = await openDataFixture();
    await fill(fixture.data, 10);
    const keys: string[] = [];
    for await (const { key } of listed(fixture.data, { batchSize: 2, consistency: ReadConsistency.EVENTUAL })) {
      keys.push(key);
      if (key === keyOf(1)) await mutate(fixture.data, [deletion(keyOf(5)), put(`${keyOf(8)}a`, ""), put("a", "")]);
    }
    const others = ALL_KEYS.slice(0, 10).filter((key) => key !== keyOf(5));
    expect(keys).toEqual([...others.slice(0, 8), `${keyOf(8)}a`, keyOf(9)]);
  });

  it("refuses a cursor of another dataset, range, order or consistency, and one that was changed", async () => {
    await using fixture = await openDataFixture();
    const { data } = fixture;
    await fill(data, 3);
    await fill(data, 3, "items");
    const [first] = await collect(listed(data, { cursorPerItem: true }));
    const startCursor = first?.cursor ?? "";
    const others = [
      { dataset: "items" },
      { keyPrefix: "k" },
      { descending: true },
      { consistency: ReadConsistency.EVENTUAL },
      { startCursor: `${startCursor.slice(0, -1)}${startCursor.endsWith("A") ? "B" : "A"}` },
    ];
    for (const other of others) {
      const refused = collect(listed(data, { startCursor, ...other }));
      await expect(refused).rejects.toMatchObject({ reason: "INVALID_CURSOR" });
    }
    expect(await keysOf(listed(data, { startCursor, fields: ["a"], limit: 1 }))).toEqual([keyOf(1)]);
  });

  it("says that a snapshot has expired once its versions are gone", async () => {
    await using fixture = await openDataFixture();
    const { data, clock } = fixture;
    await fill(data, 3);
    const [first] = await collect(listed(data, { cursorPerItem: true }));
    await mutate(data, [put(keyOf(2), "new")]);
    clock.advance(3_600_000);
    await sweep(data);
    expect(await keysOf(listed(data, { startCursor: first?.cursor ?? "" }))).toEqual([keyOf(1), keyOf(2)]);
    clock.advance(1);
    await sweep(data);
    const late = collect(listed(data, { startCursor: first?.cursor ?? "" }));
    await expect(late).rejects.toMatchObject({ code: StatusCode.FAILED_PRECONDITION, reason: "SNAPSHOT_EXPIRED" });
  });

  it("fails if the dataset is deleted meanwhile, and ends when its client has gone", async () => {
    await using fixture = await openDataFixture();
    const { data } = fixture;
    await fill(data, 10);
    const listing = listed(data, { batchSize: 2 });
    await listing.next();
    await deleteDataset({ name: "default", allowMissing: false }, callOf().context, data);
    await expect(collect(listing)).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    expect(await keysOf(listed(data))).toEqual([]);
    await fill(data, 10);
    const call = callOf();
    const cancelled = listLargeDataset(ListRequest.fromPartial({ batchSize: 2 }), call.context, data);
    await cancelled.next();
    call.abort(new Error("gone"));
    await expect(cancelled.next()).rejects.toThrow("gone");
  });

  it("refuses what can never be right", async () => {
    await using fixture = await openDataFixture();
    const wrong = [
      { dataset: "Not A Name" },
      { limit: -1 },
      { batchSize: -1 },
      { fields: ["a..b"] },
      { consistency: 9 as ReadConsistency },
    ];
    for (const request of wrong) {
      const refused = collect(listed(fixture.data, request));
      await expect(refused).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    }
    const unknown = collect(listed(fixture.data, { dataset: "unknown" }));
    await expect(unknown).rejects.toMatchObject({
      reason: "RESOURCE_NOT_FOUND",
      metadata: { resource_type: "dataset" },
    });
  });
});

describe("a listing", () => {
  const key = fc.string({
    unit: fc.constantFrom("a", "b", "c", "é", "\u{1f600}", "\uffff"),
    minLength: 1,
    maxLength: 3,
  });
  const range = fc.record({
    startKey: fc.oneof(fc.constant(""), key),
    endKey: fc.oneof(fc.constant(""), key),
    keyPrefix: fc.oneof(fc.constant(""), key),
    descending: fc.boolean(),
    limit: fc.nat(5),
    batchSize: fc.integer({ min: 1, max: 4 }),
  });

  it("gives what a filter and a sort in memory give", async () => {
    const seed = randomInt(2 ** 31);
    process.stdout.write(`listing.test.ts: seed ${seed}\n`);
    await using fixture = await openDataFixture();
    let datasets = 0;
    const property = fc.asyncProperty(fc.uniqueArray(key, { maxLength: 12 }), range, async (keys, request) => {
      const dataset = `d${String((datasets += 1))}`;
      await fixture.records.commit([
        {
          collection: "datasets",
          key: dataset,
          value: JSON.stringify({ name: dataset, collection: `data/${dataset}` }),
        },
      ]);
      if (keys.length > 0)
        await mutate(
          fixture.data,
          keys.map((each) => put(each, each)),
          { dataset },
        );
      const order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
      const inRange = keys
        .toSorted(order)
        .filter((each) => order(each, request.startKey) >= 0 && each.startsWith(request.keyPrefix))
        .filter((each) => request.endKey === "" || order(each, request.endKey) < 0);
      const ordered = request.descending ? inRange.toReversed() : inRange;
      const expected = request.limit === 0 ? ordered : ordered.slice(0, request.limit);
      expect(await keysOf(listed(fixture.data, { dataset, ...request }))).toEqual(expected);
    });
    await fc.assert(property, { seed, numRuns: 300 });
  });

  it("gives what a filter lets through, from wherever it goes on", async () => {
    await using fixture = await openDataFixture();
    const { data } = fixture;
    await mutate(
      data,
      Array.from({ length: 100 }, (_, n) => putJson(keyOf(n), { n, even: n % 2 === 0 })),
    );
    await mutate(data, [put("text", "no JSON", { name: "T", attributes: new Map([["a", "b"]]) })]);
    const filter = "data.n > 10.0 && data.even || item.attributes.a == 'b'";
    const expected = Array.from({ length: 44 }, (_, n) => keyOf(12 + 2 * n));
    const items = await collect(listed(data, { filter, batchSize: 7, cursorPerItem: true }));
    expect(items.map(({ key: found }) => found)).toEqual([...expected, "text"]);
    for (const [index, { cursor }] of items.entries()) {
      const rest = await keysOf(listed(data, { filter, batchSize: 7, startCursor: cursor, limit: 3 }));
      expect(rest).toEqual([...expected, "text"].slice(index + 1, index + 4));
    }
    expect(await keysOf(listed(data, { filter: "item.key == 'k0050'", keysOnly: true }))).toEqual([keyOf(50)]);
    expect(await keysOf(listed(data, { filter: "item.id >= 99 && item.name == '' && data.even" }))).toEqual([
      keyOf(98),
    ]);
    const otherFilter = collect(listed(data, { startCursor: items[0]?.cursor ?? "", filter: "item.version > 0" }));
    await expect(otherFilter).rejects.toMatchObject({ reason: "INVALID_CURSOR" });
    for (const wrong of ["event.type == ''", "item.data == b''", "item.key", "payload.x == 1", "item == 1"]) {
      await expect(collect(listed(data, { filter: wrong }))).rejects.toMatchObject({ reason: "INVALID_FILTER" });
    }
  });

  it("says where it is when nothing matches for long, if that is asked for", async () => {
    await using fixture = await openDataFixture();
    const { data, clock } = fixture;
    await fill(data, 100);
    const slow = new Proxy(fixture.items, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name === "scan") clock.advance(100);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    const deps = { ...data, items: slow };
    const request = { filter: "item.key == 'k0095'", batchSize: 10 };
    expect(await keysOf(listed(deps, request))).toEqual([keyOf(95)]);
    const messages = await collect(listed(deps, { ...request, heartbeatInterval: { seconds: 0, nanos: 300_000_000 } }));
    expect(messages.map(({ key: found, control }) => control?.kind?.$case ?? found)).toEqual([
      "heartbeat",
      "heartbeat",
      "heartbeat",
      keyOf(95),
    ]);
    const { filter } = request;
    expect(await keysOf(listed(data, { filter, startCursor: messages[1]?.cursor ?? "" }))).toEqual([keyOf(95)]);
    const batches = await collect(
      listedBatches(deps, { list: { ...request, heartbeatInterval: { seconds: 2, nanos: 0 } } }),
    );
    expect(batches.map(({ items, control }) => [items.length, control?.kind?.$case])).toEqual([[1, undefined]]);
    const wrong = collect(listed(data, { heartbeatInterval: { seconds: 0, nanos: 1 } }));
    await expect(wrong).rejects.toMatchObject({ reason: "INVALID_FIELD" });
  });

  it("sends only the fields that are asked for, and numbers as they were written", async () => {
    await using fixture = await openDataFixture();
    await mutate(fixture.data, [
      putJson("a", { id: 1, name: "x", nested: { deep: true, other: [1] } }),
      put("b", '{"id": 9007199254740993, "x": 1.50, "nested": 5}', { contentType: "application/json" }),
      put("c", "not JSON", { contentType: "application/json" }),
      put("d", '{"id":1,"x":2}', { contentType: "text/plain" }),
    ]);
    const items = await collect(listed(fixture.data, { fields: ["id", "nested.deep"] }));
    expect(items.map(({ data }) => Buffer.from(data).toString())).toEqual([
      '{"id":1,"nested":{"deep":true}}',
      '{"id":9007199254740993}',
      "not JSON",
      '{"id":1,"x":2}',
    ]);
    const keysOnly = await collect(listed(fixture.data, { keysOnly: true }));
    expect(keysOnly.map(({ key: found, data }) => [found, data.length])).toEqual([
      ["a", 0],
      ["b", 0],
      ["c", 0],
      ["d", 0],
    ]);
  });
});

describe("ListBatches", () => {
  it("gives the same items as ListLargeDataset, with cursors to go on from and the progress", async () => {
    await using fixture = await openDataFixture();
    const { data } = fixture;
    await fill(data, 57);
    await mutate(data, [put("z", "last", { name: "Z", contentType: "text/plain", attributes: new Map([["a", "b"]]) })]);
    const items = await collect(listed(data));
    const batches = await collect(listedBatches(data, { list: { batchSize: 10 } }));
    const withoutCursors = items.map((item) => ({ ...item, cursor: "" }));
    expect(batches.flatMap((batch) => batch.items)).toEqual(withoutCursors);
    expect(batches.map(({ rowCount }) => rowCount)).toEqual([10, 10, 10, 10, 10, 8]);
    expect(batches.at(-1)?.progress).toBe(1);
    expect(batches[2]?.progress).toBeCloseTo(30 / 58);
    const rest = await collect(listedBatches(data, { list: { startCursor: batches[3]?.cursor ?? "" } }));
    expect(rest.flatMap((batch) => batch.items)).toEqual(withoutCursors.slice(40));
  });

  it("keeps messages near the asked size, and sends an item that is larger alone", async () => {
    await using fixture = await openDataFixture();
    const sizes = [1000, 1000, 1000, 20_000, 1000];
    await mutate(
      fixture.data,
      sizes.map((size, n) => put(keyOf(n), "x".repeat(size))),
    );
    const batches = await collect(listedBatches(fixture.data, { maxBatchBytes: 2500 }));
    expect(batches.map(({ items }) => items.length)).toEqual([2, 1, 1, 1]);
  });
});

describe("ListItems", () => {
  it("gives the items of a collection, which is the dataset of that name", async () => {
    await using fixture = await openDataFixture();
    const attributes = new Map([["color", "red"]]);
    await mutate(fixture.data, [put("b", "2"), put("a", "1", { name: "A", contentType: "text/plain", attributes })], {
      dataset: "items",
    });
    const items = await collect(listedItems(fixture.data));
    expect(items).toMatchObject([{ id: "a", name: "A", contentType: "text/plain", attributes }, { id: "b" }]);
    expect(await collect(listedItems(fixture.data, { cursor: items[1]?.cursor ?? "" }))).toEqual([]);
    expect(items.map(({ createTime }) => createTime?.seconds)).toEqual(
      Array.from({ length: 2 }, () => Date.UTC(2026, 0, 1) / 1000),
    );
  });
});
