import { randomInt } from "node:crypto";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import type { ItemStore } from "./item-store.js";
import {
  ALL,
  ALL_OR_NONE,
  bytes,
  ContractClock,
  EACH,
  type ItemStorePlace,
  pairs,
  put,
  remove,
  textOf,
} from "./item-store-drafts.contract.js";

/** What every ItemStore promises about scans, snapshots and changes: part of its contract. */
export function describeItemReads(name: string, makePlace: () => Promise<ItemStorePlace>): void {
  describe(`ItemStore contract, reads: ${name}`, () => {
    let place: ItemStorePlace;
    let store: ItemStore;
    let clock: ContractClock;

    beforeEach(async () => {
      clock = new ContractClock();
      place = await makePlace();
      store = await place.open(clock);
    });

    afterEach(async () => {
      await store[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });

    const current = async (): Promise<string[]> => pairs(await store.scan({ collection: "c", ...ALL }));

    it("sorts keys by their UTF-8 bytes, in both directions", async () => {
      const sorted = ["A", "a", "a\u0001", "a ", "a/", "ab", "é", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}"];
      await store.commit(
        sorted.toReversed().map((key) => put(key, "x")),
        EACH,
      );
      const keysOf = async (descending: boolean): Promise<string[]> =>
        (await store.scan({ collection: "c", descending, ...ALL })).rows.map(({ key }) => key);
      expect(await keysOf(false)).toEqual(sorted);
      expect(await keysOf(true)).toEqual(sorted.toReversed());
    });

    it("scans ranges and prefixes, page by page, in both directions", async () => {
      await store.commit(
        ["a", "b/1", "b/2", "b/3", "b0", "c"].map((key) => put(key, "x")),
        EACH,
      );
      const scan = async (options: object): Promise<string[]> =>
        (await store.scan({ collection: "c", ...ALL, ...options })).rows.map(({ key }) => key);
      expect(await scan({ prefix: "b/" })).toEqual(["b/1", "b/2", "b/3"]);
      expect(await scan({ prefix: "b/", afterKey: "b/1", maxRows: 1 })).toEqual(["b/2"]);
      expect(await scan({ prefix: "b/", afterKey: "b/3", descending: true })).toEqual(["b/2", "b/1"]);
      expect(await scan({ startKey: "b/2", endKey: "c" })).toEqual(["b/2", "b/3", "b0"]);
      expect(await scan({ startKey: "b/2", endKey: "c", descending: true, maxRows: 2 })).toEqual(["b0", "b/3"]);
      expect(await scan({ prefix: "b", startKey: "b/3", endKey: "b1" })).toEqual(["b/3", "b0"]);
    });

    it("ends a page before it is too large, but not before the first row", async () => {
      await store.commit(
        ["a", "b", "d"].map((key) => put(key, "x".repeat(100))),
        EACH,
      );
      const page = await store.scan({ collection: "c", maxRows: 10, maxBytes: 202 });
      expect(page).toMatchObject({ rows: [{ key: "a" }, { key: "b" }], exhausted: false });
      expect((await store.scan({ collection: "c", maxRows: 10, maxBytes: 1 })).rows).toHaveLength(1);
      const keys = await store.scan({ collection: "c", keysOnly: true, maxRows: 10, maxBytes: 100 });
      expect(keys).toMatchObject({ exhausted: true });
      expect(keys.rows.map(({ data }) => data.byteLength)).toEqual([0, 0, 0]);
    });

    it("finds nothing under what is no id or no key", async () => {
      await store.commit([put("a", "1", {}, "7")], EACH);
      for (const id of ["", "0", "-7", "07", "7.0", "9223372036854775808", "seven"]) {
        expect(await store.get("c", { id })).toBeUndefined();
      }
      expect(await store.get("c", { key: "" })).toBeUndefined();
      expect(await store.getAll("c", ["x".repeat(5000), "a", "a"])).toMatchObject([
        undefined,
        { id: "7" },
        { id: "7" },
      ]);
    });

    it("shows a snapshot as it was, whatever is written after it", async () => {
      const { version: snapshot } = await store.commit([put("a", "1"), put("b", "1"), put("d", "1")], EACH);
      await store.commit([put("a", "2"), remove("b"), put("e", "2")], EACH);
      await store.commit([put("b", "3", {}, "9"), remove("d")], EACH);
      expect(pairs(await store.scan({ collection: "c", snapshot, ...ALL }))).toEqual(["a=1", "b=1", "d=1"]);
      expect(pairs(await store.scan({ collection: "c", snapshot: snapshot + 3, ...ALL }))).toEqual([
        "a=2",
        "d=1",
        "e=2",
      ]);
      expect(textOf(await store.get("c", { key: "b" }, snapshot))).toBe("1");
      expect(textOf(await store.get("c", { id: "2" }, snapshot))).toBe("1");
      expect(await current()).toEqual(["a=2", "b=3", "e=2"]);
    });

    it("keeps a sum in every snapshot while writers move amounts around", async () => {
      const accounts = Array.from({ length: 20 }, (_, n) => `k${String(n).padStart(2, "0")}`);
      await store.commit(
        accounts.map((key) => put(key, "100")),
        ALL_OR_NONE,
      );
      const amounts = new Map(accounts.map((key) => [key, 100]));
      const writers = Array.from({ length: 200 }, async () => {
        const [from = "", to = ""] = [accounts[randomInt(20)], accounts[randomInt(20)]];
        amounts.set(from, (amounts.get(from) ?? 0) - 1);
        amounts.set(to, (amounts.get(to) ?? 0) + 1);
        await store.commit([put(from, String(amounts.get(from))), put(to, String(amounts.get(to)))], ALL_OR_NONE);
      });
      const reader = async (): Promise<void> => {
        for (let round = 0; round < 20; round += 1) {
          const snapshot = await store.version();
          let sum = 0;
          for (let afterKey = ""; ;) {
            const page = await store.scan({ collection: "c", snapshot, afterKey, maxRows: 3, maxBytes: 1000 });
            for (const row of page.rows) sum += Number(textOf(row));
            if (page.exhausted) break;
            afterKey = page.rows.at(-1)?.key ?? "";
          }
          expect(sum).toBe(2000);
        }
      };
      await Promise.all([...writers, reader(), reader()]);
    });

    it("gives the newest change of each row, in order of version, with tombstones", async () => {
      await store.commit([put("a", "1"), put("b", "1"), put("d", "1")], EACH);
      await store.commit([put("b", "2"), remove("a")], EACH);
      await store.commit([{ collection: "other", put: { key: "x", head: bytes(""), data: bytes("") } }], EACH);
      const page = await store.changes({ collection: "c", afterVersion: 0, ...ALL });
      expect(pairs(page)).toEqual(["d=1", "b=2", "a=deleted"]);
      expect(page).toMatchObject({ exhausted: true });
      expect(page.scannedTo).toBeGreaterThanOrEqual(5);
      const [first] = (await store.changes({ collection: "c", afterVersion: 3, maxRows: 1, maxBytes: 10 })).rows;
      expect(first).toMatchObject({ key: "b", version: 4 });
      const rest = await store.changes({ collection: "c", afterVersion: 4, ...ALL });
      expect(pairs(rest)).toEqual(["a=deleted"]);
    });
  });
}
