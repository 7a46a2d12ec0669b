import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { ReplicaStore, ReplicaWrite } from "./replica-store.js";

/** A place where a replica's store lives: opening it again finds what was durable. */
export interface ReplicaStorePlace extends AsyncDisposable {
  open(): Promise<ReplicaStore>;
}

const KEYS = ["a", "a/", "a/b", "a/\u0000", "b", "é", "\uffff", "\u{1f600}"];

const anyKey = fc.constantFrom(...KEYS);
const anyTable = fc.constantFrom("t", "u");
const anyPrefix = fc.constantFrom("", "a", "a/", "é", "z");
const anyValue = fc.constantFrom("\u0000", "\u0000x", "\u0001one", "\u0001two");

const anyWrite: fc.Arbitrary<ReplicaWrite> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant("put"), table: anyTable, key: anyKey, value: anyValue.map(bytes) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("delete"), table: anyTable, key: anyKey }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("clear"), table: anyTable, prefix: anyPrefix }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("move"),
      from: fc.constant("t"),
      to: fc.constant("u"),
      prefix: anyPrefix,
    }),
  },
);

type Model = Map<string, Map<string, string>>;

/** The same as simply as possible. */
function apply(model: Model, write: ReplicaWrite): void {
  const rows = (name: string): Map<string, string> => model.get(name) ?? new Map<string, string>();
  const begins = (prefix: string, table: string) => [...rows(table)].filter(([key]) => key.startsWith(prefix));
  switch (write.type) {
    case "put":
      model.set(write.table, rows(write.table).set(write.key, text(write.value)));
      break;
    case "delete":
      rows(write.table).delete(write.key);
      break;
    case "clear":
      for (const [key] of begins(write.prefix, write.table)) rows(write.table).delete(key);
      break;
    case "move":
      for (const [key, value] of begins(write.prefix, write.from)) {
        rows(write.from).delete(key);
        if (value.startsWith("\u0000")) rows(write.to).delete(key);
        else model.set(write.to, rows(write.to).set(key, value));
      }
  }
}

/** What every ReplicaStore promises. The test file of each calls this once. */
export function describeReplicaStore(name: string, makePlace: () => Promise<ReplicaStorePlace>): void {
  describe(`ReplicaStore contract: ${name}`, () => {
    let place: ReplicaStorePlace;
    let store: ReplicaStore;

    beforeEach(async () => {
      place = await makePlace();
      store = await place.open();
    });

    afterEach(async () => {
      await store[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });

    const put = (key: string, value: string): ReplicaWrite => ({ type: "put", table: "t", key, value: bytes(value) });

    it("finds nothing in an empty store", () => {
      expect(store.get("t", "a")).toBeUndefined();
      expect(store.scan("t", { limit: 10 })).toEqual([]);
    });

    it("shows what was written at once, and has it when it is opened again", async () => {
      const durable = store.write([put("a", "one"), put("b", "two")]);
      expect(text(store.get("t", "a"))).toBe("one");
      await durable;
      await store[Symbol.asyncDispose]();
      store = await place.open();
      expect(store.scan("t", { limit: 10 }).map(({ key, value }) => `${key}=${text(value)}`)).toEqual([
        "a=one",
        "b=two",
      ]);
    });

    it("makes writes of one turn durable together, in their order", async () => {
      const settled: string[] = [];
      const first = store.write([put("a", "1")]).then(() => settled.push("first"));
      const second = store
        .write([put("a", "2"), { type: "delete", table: "t", key: "b" }])
        .then(() => settled.push("second"));
      await Promise.all([first, second]);
      expect(settled).toEqual(["first", "second"]);
      expect(text(store.get("t", "a"))).toBe("2");
    });

    it("does what a simple model does, whatever is written", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(anyWrite, { maxLength: 4 }), { maxLength: 12 }), async (batches) => {
          const model: Model = new Map();
          const clear = ["t", "u"].map((table): ReplicaWrite => ({ type: "clear", table, prefix: "" }));
          await store.write(clear);
          for (const writes of batches) {
            for (const write of writes) apply(model, write);
            await store.write(writes);
            for (const table of ["t", "u"]) expect(read(store, table)).toEqual(sorted(model.get(table)));
          }
        }),
        { numRuns: 50 },
      );
    });

    it("gives any range in pages", async () => {
      await store.write(KEYS.map((key) => put(key, key)));
      const order = sorted(new Map(KEYS.map((key) => [key, key]))).map(([key]) => key);
      for (const prefix of ["", "a", "a/"]) {
        const wanted = order.filter((key) => key.startsWith(prefix));
        for (const after of order) {
          const found = store.scan("t", { prefix, after, limit: 2 }).map(({ key }) => key);
          expect(found).toEqual(
            wanted
              .slice(wanted.findIndex((key) => compare(key, after) > 0))
              .filter((key) => compare(key, after) > 0)
              .slice(0, 2),
          );
        }
      }
    });
  });
}

function read(store: ReplicaStore, table: string): (readonly [string, string])[] {
  const rows: (readonly [string, string])[] = [];
  for (let after: string | undefined; ;) {
    const page = store.scan(table, { limit: 3, ...(after !== undefined && { after }) });
    rows.push(...page.map(({ key, value }) => [key, text(value)] as const));
    if (page.length < 3) return rows;
    after = page.at(-1)?.key;
  }
}

function sorted(rows: ReadonlyMap<string, string> = new Map()): (readonly [string, string])[] {
  return [...rows].toSorted(([a], [b]) => compare(a, b));
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function bytes(value: string): Uint8Array {
  return new Uint8Array(Buffer.from(value));
}

function text(value: Uint8Array | undefined): string {
  return Buffer.from(value ?? []).toString();
}
