import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import type { RecordStore, StoredRecord } from "./record-store.js";
import { VersionConflict } from "./record-store.js";

/** A place where a record store lives: opening it again finds what was committed, if it is persistent. */
export interface RecordStorePlace extends AsyncDisposable {
  open(): Promise<RecordStore>;
  readonly persistent: boolean;
}

/** What every RecordStore promises. The test file of each adapter calls this once. */
export function describeRecordStore(name: string, makePlace: () => Promise<RecordStorePlace>): void {
  describe(`RecordStore contract: ${name}`, () => {
    let place: RecordStorePlace;
    let store: RecordStore;

    beforeEach(async () => {
      place = await makePlace();
      store = await place.open();
    });

    afterEach(async () => {
      await store[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });

    const put = (key: string, value: string, ifVersion?: number): Promise<void> =>
      store.commit([{ collection: "things", key, value, ...(ifVersion !== undefined && { ifVersion }) }]);
    const keys = (records: readonly StoredRecord[]): string[] => records.map(({ key }) => key);

    it("finds nothing in an empty store", async () => {
      expect(await store.get("things", "a")).toBeUndefined();
      expect(await store.scan("things", { limit: 10 })).toEqual([]);
    });

    it("counts versions from 1, and again from 1 after a deletion", async () => {
      await put("a", "one");
      await put("a", "two");
      expect(await store.get("things", "a")).toEqual({ key: "a", version: 2, value: "two" });
      await store.commit([{ collection: "things", key: "a", value: undefined }]);
      expect(await store.get("things", "a")).toBeUndefined();
      await put("a", "three");
      expect(await store.get("things", "a")).toEqual({ key: "a", version: 1, value: "three" });
    });

    it("keeps collections apart", async () => {
      await put("a", "thing");
      await store.commit([{ collection: "others", key: "a", value: "other" }]);
      expect((await store.get("things", "a"))?.value).toBe("thing");
      expect(keys(await store.scan("others", { limit: 10 }))).toEqual(["a"]);
    });

    it("keeps any text", async () => {
      const value = "quotes \" ' and \\ \n and \u{1f600} and \ufeff";
      await put("k/\u{1f600}\u0001", value);
      expect((await store.get("things", "k/\u{1f600}\u0001"))?.value).toBe(value);
    });

    it.each([
      ["0 for a record that exists", "a", 0, 1],
      ["a version that passed", "a", 7, 1],
      ["a version of a record that does not exist", "b", 1, 0],
    ])("refuses a commit with %s", async (_, key, ifVersion, actualVersion) => {
      await put("a", "one");
      const refused = await put(key, "two", ifVersion).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(VersionConflict);
      expect(refused).toMatchObject({ actualVersion, mutation: { key, ifVersion } });
      expect((await store.get("things", "a"))?.value).toBe("one");
    });

    it("deletes under a precondition too", async () => {
      await put("a", "one");
      const stale = store.commit([{ collection: "things", key: "a", value: undefined, ifVersion: 2 }]);
      await expect(stale).rejects.toBeInstanceOf(VersionConflict);
      await store.commit([{ collection: "things", key: "a", value: undefined, ifVersion: 1 }]);
      expect(await store.get("things", "a")).toBeUndefined();
    });

    it("writes all of a commit or nothing", async () => {
      await put("b", "old");
      const refused = store.commit([
        { collection: "things", key: "a", value: "new" },
        { collection: "things", key: "b", value: undefined },
        { collection: "things", key: "c", value: "new", ifVersion: 3 },
      ]);
      await expect(refused).rejects.toBeInstanceOf(VersionConflict);
      expect(await store.scan("things", { limit: 10 })).toEqual([{ key: "b", version: 1, value: "old" }]);
    });

    it("lets a commit see its own earlier mutations", async () => {
      await store.commit([
        { collection: "things", key: "a", value: "one", ifVersion: 0 },
        { collection: "things", key: "a", value: "two", ifVersion: 1 },
      ]);
      expect(await store.get("things", "a")).toEqual({ key: "a", version: 2, value: "two" });
    });

    it("sorts keys by their UTF-8 bytes, not by UTF-16 units", async () => {
      const sorted = ["A", "a", "a\u0001", "a ", "a/", "ab", "é", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}"];
      for (const key of sorted.toReversed()) await put(key, "x");
      expect(keys(await store.scan("things", { limit: 100 }))).toEqual(sorted);
    });

    it("scans by prefix, page by page", async () => {
      for (const key of ["a", "b/1", "b/2", "b/3", "b0", "c"]) await put(key, "x");
      expect(keys(await store.scan("things", { prefix: "b/", limit: 2 }))).toEqual(["b/1", "b/2"]);
      expect(keys(await store.scan("things", { prefix: "b/", after: "b/2", limit: 2 }))).toEqual(["b/3"]);
      expect(keys(await store.scan("things", { prefix: "b/", after: "b/3", limit: 2 }))).toEqual([]);
      expect(keys(await store.scan("things", { prefix: "b/", after: "a", limit: 9 }))).toEqual(["b/1", "b/2", "b/3"]);
      expect(keys(await store.scan("things", { after: "b/3", limit: 9 }))).toEqual(["b0", "c"]);
    });

    it.each(["\ud7ff", "\uffff", "\u{10ffff}", "x\u{10ffff}"])("scans the prefix %j", async (prefix) => {
      for (const key of [prefix, `${prefix}1`, `${prefix}\u{10ffff}`, "\ue000x", "y"]) await put(key, "x");
      const found = keys(await store.scan("things", { prefix, limit: 10 }));
      expect(found).toEqual([prefix, `${prefix}1`, `${prefix}\u{10ffff}`]);
    });

    it("gives one of a hundred racers for the same version the win", async () => {
      await put("a", "start");
      const racers = Array.from({ length: 100 }, (_, index) => put("a", String(index), 1));
      const results = await Promise.allSettled(racers);
      const winners = results.flatMap(({ status }, index) => (status === "fulfilled" ? [String(index)] : []));
      expect(winners).toHaveLength(1);
      expect(await store.get("things", "a")).toEqual({ key: "a", version: 2, value: winners[0] });
    });

    it("does not let one conflict touch the commits around it", async () => {
      await put("a", "taken");
      const results = await Promise.allSettled([put("b", "x"), put("a", "x", 0), put("c", "x")]);
      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect(keys(await store.scan("things", { limit: 10 }))).toEqual(["a", "b", "c"]);
    });

    it("shows a commit to every read that starts after it resolved", async () => {
      for (let round = 0; round < 50; round += 1) {
        await put("a", String(round));
        expect((await store.get("things", "a"))?.value).toBe(String(round));
      }
    });

    it("finds nothing under a prefix of any length", async () => {
      await put("a", "x");
      expect(await store.scan("things", { prefix: "a".repeat(1_000_000), limit: 10 })).toEqual([]);
      expect(await store.scan("things", { prefix: "\u{10ffff}".repeat(1000), limit: 10 })).toEqual([]);
    });

    it("finishes the commits under way when it is closed, and refuses later ones", async () => {
      const underWay = Array.from({ length: 20 }, (_, index) => put(`k${String(index)}`, "x"));
      await store[Symbol.asyncDispose]();
      await expect(Promise.all(underWay)).resolves.toHaveLength(20);
      await expect(put("late", "x")).rejects.toMatchObject({ reason: "BACKEND_UNAVAILABLE" });
    });

    it("finds what was committed when it is opened again, if it is persistent", async () => {
      await put("a", "one");
      await put("a", "two");
      await store[Symbol.asyncDispose]();
      store = await place.open();
      const expected = place.persistent ? { key: "a", version: 2, value: "two" } : undefined;
      expect(await store.get("things", "a")).toEqual(expected);
    });
  });
}
