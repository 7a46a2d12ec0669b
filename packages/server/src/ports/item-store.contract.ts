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
  types,
} from "./item-store-drafts.contract.js";
import { describeItemModel } from "./item-store-model.contract.js";
import { describeItemReads } from "./item-store-reads.contract.js";
import { describeItemRemovals } from "./item-store-removals.contract.js";

/** What every ItemStore promises. The test file of each adapter calls this once. */
export function describeItemStore(name: string, makePlace: () => Promise<ItemStorePlace>): void {
  describe(`ItemStore contract: ${name}`, () => {
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

    it("finds nothing in an empty store", async () => {
      expect(await store.get("c", { key: "a" })).toBeUndefined();
      expect(await store.getAll("c", ["a", "b"])).toEqual([undefined, undefined]);
      expect(await store.scan({ collection: "c", ...ALL })).toMatchObject({ rows: [], exhausted: true });
      expect(await store.changes({ collection: "c", afterVersion: 0, ...ALL })).toMatchObject({ rows: [] });
      expect(await store.size("c")).toEqual({ rows: 0, dataBytes: 0, version: 0 });
      expect(await store.version()).toBe(0);
    });

    it("keeps what was written, with an id, a version and a moment", async () => {
      const { outcomes, version, committed } = await store.commit([put("a", "one"), put("b", "two")], EACH);
      expect(outcomes).toEqual([
        { type: "written", id: "1", version: 1, existed: false },
        { type: "written", id: "2", version: 2, existed: false },
      ]);
      expect({ version, committed }).toEqual({ version: 2, committed: true });
      expect(await store.get("c", { key: "a" })).toEqual({
        key: "a",
        id: "1",
        head: bytes("h"),
        data: bytes("one"),
        version: 1,
        deleted: false,
        updatedAtMs: 1_000_000,
      });
      expect(textOf(await store.get("c", { id: "2" }))).toBe("two");
      expect(await store.size("c")).toEqual({ rows: 2, dataBytes: 6, version: 2 });
    });

    it("keeps any bytes and any key", async () => {
      const data = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
      const key = "k/\u{1f600}\u0000\u0001'\"";
      await store.commit([{ collection: "c", put: { key, head: data, data } }], EACH);
      expect(await store.get("c", { key })).toMatchObject({
        key,
        head: new Uint8Array(data),
        data: new Uint8Array(data),
      });
    });

    it("replaces under the same id, and says that there was one", async () => {
      await store.commit([put("a", "one")], EACH);
      const { outcomes } = await store.commit([put("a", "two")], EACH);
      expect(outcomes).toEqual([{ type: "written", id: "1", version: 2, existed: true }]);
      expect(await current()).toEqual(["a=two"]);
      expect(await store.size("c")).toMatchObject({ rows: 1, dataBytes: 3 });
    });

    it("deletes, and leaves a tombstone for those who ask for it", async () => {
      await store.commit([put("a", "one"), put("b", "two")], EACH);
      const { outcomes } = await store.commit([remove("a"), remove("nothing")], EACH);
      expect(types(outcomes)).toEqual(["written", "unchanged"]);
      expect(await current()).toEqual(["b=two"]);
      expect(await store.get("c", { key: "a" })).toBeUndefined();
      expect(await store.get("c", { id: "1" })).toBeUndefined();
      expect(await store.getAll("c", ["b", "a", "x"])).toMatchObject([
        { key: "b" },
        { key: "a", deleted: true },
        undefined,
      ]);
      expect(await store.size("c")).toMatchObject({ rows: 1, dataBytes: 3, version: 3 });
    });

    it("keeps the head of a tombstone", async () => {
      await store.commit([put("a", "one")], EACH);
      await store.commit([remove("a", { deleteHead: bytes("why") })], EACH);
      const { rows } = await store.changes({ collection: "c", afterVersion: 0, ...ALL });
      expect(rows).toMatchObject([{ key: "a", deleted: true, head: bytes("why"), data: bytes("") }]);
      expect((await store.getAll("c", ["a"]))[0]?.head).toEqual(new Uint8Array(bytes("why")));
    });

    it("changes a row only if its newest change, be it a tombstone, is the expected one", async () => {
      const refused = async (version: number): Promise<unknown> =>
        (await store.commit([put("a", "x", { ifNewest: version })], EACH)).outcomes[0];
      expect(await refused(1)).toEqual({ type: "version-mismatch", actualVersion: 0 });
      await store.commit([put("a", "one", { ifNewest: 0 }), remove("a", { ifNewest: 1 })], ALL_OR_NONE);
      expect(await refused(0)).toEqual({ type: "version-mismatch", actualVersion: 2 });
      expect(await refused(1)).toEqual({ type: "version-mismatch", actualVersion: 2 });
      expect(await current()).toEqual([]);
      await store.commit([put("a", "two", { ifNewest: 2 })], EACH);
      expect(await current()).toEqual(["a=two"]);
    });

    it("takes ids that writers choose, however large, and gives none twice", async () => {
      const max = "9223372036854775807";
      await store.commit([put("a", "x", {}, max), put("b", "x", {}, "2")], EACH);
      const { outcomes } = await store.commit(
        [put("c", "x"), put("d", "x"), put("e", "x", {}, "2"), put("a", "x", {}, "7")],
        EACH,
      );
      expect(outcomes).toMatchObject([{ id: "1" }, { id: "3" }, { type: "id-taken" }, { type: "id-taken" }]);
      expect((await store.get("c", { id: max }))?.key).toBe("a");
    });

    it("never gives an id again that it chose", async () => {
      await store.commit([put("a", "x"), put("b", "x")], EACH);
      await store.commit([remove("b")], EACH);
      expect((await store.commit([put("b", "x"), put("d", "x", {}, "5")], EACH)).outcomes[0]).toMatchObject({
        id: "3",
      });
      const { outcomes } = await store.commit([put("e", "x"), put("f", "x"), put("g", "x", {}, "2")], EACH);
      expect(outcomes).toMatchObject([{ id: "4" }, { id: "6" }, { id: "2" }]);
    });

    it("leaves ids to those who have them when an atomic commit fails", async () => {
      const refused = await store.commit(
        [put("a", "x", {}, "1"), put("b", "x"), remove("d", { ifVersion: 3 })],
        ALL_OR_NONE,
      );
      expect(refused).toMatchObject({ committed: false, version: 0 });
      expect((await store.commit([put("b", "x")], ALL_OR_NONE)).outcomes).toMatchObject([{ id: "1", version: 1 }]);
      expect(await store.size("c")).toEqual({ rows: 1, dataBytes: 1, version: 1 });
    });

    it.each([
      ["an empty key", put("", "x")],
      ["a key of 1025 bytes", put("é".repeat(512) + "x", "x")],
      ["a key that is no UTF-8", put("\ud800", "x")],
      ["an id of 0", put("a", "x", {}, "0")],
      ["an id beyond an int64", put("a", "x", {}, "9223372036854775808")],
      ["an id with a leading zero", put("a", "x", {}, "01")],
      ["a negative version", put("a", "x", { ifVersion: -1 })],
      ["neither a put nor a delete", { collection: "c" }],
    ])("refuses %s, and goes on", async (_, mutation) => {
      await expect(store.commit([put("b", "x"), mutation], EACH)).rejects.toBeInstanceOf(TypeError);
      await store.commit([put("a", "x"), put("é".repeat(512), "x")], EACH);
      expect(await store.version()).toBe(2);
    });

    it.each([
      ["0 for a row that exists", put("a", "new", { ifVersion: 0 }), 1],
      ["a version that passed", put("a", "new", { ifVersion: 7 }), 1],
      ["a version of a row that does not exist", put("b", "new", { ifVersion: 1 }), 0],
      ["a version that passed, for a delete", remove("a", { ifVersion: 7 }), 1],
    ])("refuses a mutation that insists on %s", async (_, mutation, actualVersion) => {
      await store.commit([put("a", "old")], EACH);
      const { outcomes } = await store.commit([mutation], EACH);
      expect(outcomes).toEqual([{ type: "version-mismatch", actualVersion }]);
      expect(await current()).toEqual(["a=old"]);
    });

    it("keeps the good mutations of a commit that is not atomic, none of one that is", async () => {
      await store.commit([put("a", "old")], EACH);
      const mutations = [put("b", "new"), put("a", "new", { ifVersion: 9 }), put("d", "new")];
      const refused = await store.commit(mutations, ALL_OR_NONE);
      expect(refused).toMatchObject({ committed: false, version: 1 });
      expect(types(refused.outcomes)).toEqual(["unchanged", "version-mismatch", "unchanged"]);
      expect(await current()).toEqual(["a=old"]);
      expect(types((await store.commit(mutations, EACH)).outcomes)).toEqual(["written", "version-mismatch", "written"]);
      expect(await current()).toEqual(["a=old", "b=new", "d=new"]);
    });

    it("lets a commit see its own earlier mutations", async () => {
      const { outcomes } = await store.commit(
        [put("a", "one", { ifVersion: 0 }), put("a", "two", { ifVersion: 1 }), remove("a", { ifVersion: 2 })],
        ALL_OR_NONE,
      );
      expect(types(outcomes)).toEqual(["written", "written", "written"]);
      expect(await current()).toEqual([]);
    });

    it("can leave equal rows as they are", async () => {
      await store.commit([put("a", "one")], EACH);
      const { outcomes, version } = await store.commit(
        [put("a", "one", { skipEqual: true }), put("a", "two", { skipEqual: true })],
        EACH,
      );
      expect(types(outcomes)).toEqual(["unchanged", "written"]);
      expect(outcomes[0]).toMatchObject({ id: "1", version: 1 });
      expect(version).toBe(2);
    });

    it("gives one of a hundred racers for the same version the win", async () => {
      const racers = Array.from({ length: 100 }, (_, n) => store.commit([put("a", String(n), { ifVersion: 0 })], EACH));
      const won = (await Promise.all(racers)).filter(({ outcomes }) => outcomes[0]?.type === "written");
      expect(won).toHaveLength(1);
    });

    it("tells listeners of every commit, once it can be read, until they leave", async () => {
      const heard: string[] = [];
      const following = store.follow((version, collections) =>
        heard.push(`${String(version)} ${[...collections].join()}`),
      );
      await store.commit([put("a", "1"), put("b", "1")], EACH);
      await store.commit([put("a", "1", { ifVersion: 9 })], EACH);
      await store.commit([remove("a")], EACH);
      following[Symbol.dispose]();
      await store.commit([put("a", "2")], EACH);
      expect(heard).toEqual(["2 c", "3 c"]);
    });

    it("finishes the commits under way when it is closed, and refuses later ones", async () => {
      const underWay = Array.from({ length: 20 }, (_, n) => store.commit([put(`k${String(n)}`, "x")], EACH));
      await store[Symbol.asyncDispose]();
      await expect(Promise.all(underWay)).resolves.toHaveLength(20);
      await expect(store.commit([put("late", "x")], EACH)).rejects.toMatchObject({ reason: "BACKEND_UNAVAILABLE" });
    });

    it("finds everything when it is opened again, if it is persistent", async () => {
      const { version } = await store.commit([put("a", "1"), put("b", "1")], EACH);
      await store.commit([put("a", "2"), remove("b")], EACH);
      await store[Symbol.asyncDispose]();
      store = await place.open(clock);
      if (!place.persistent) return expect(await current()).toEqual([]);
      expect(await current()).toEqual(["a=2"]);
      expect(pairs(await store.scan({ collection: "c", snapshot: version, ...ALL }))).toEqual(["a=1", "b=1"]);
      expect(await store.size("c")).toEqual({ rows: 1, dataBytes: 1, version: 4 });
      const { outcomes } = await store.commit([put("d", "3")], EACH);
      expect(outcomes).toMatchObject([{ version: 5, id: "3" }]);
    });
  });
  describeItemReads(name, makePlace);
  describeItemRemovals(name, makePlace);
  describeItemModel(name, makePlace);
}
