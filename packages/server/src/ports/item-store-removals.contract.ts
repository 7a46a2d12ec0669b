import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import type { ItemStore, RowMutation } from "./item-store.js";
import { SnapshotExpired } from "./item-store.js";
import {
  ALL,
  bytes,
  ContractClock,
  EACH,
  type ItemStorePlace,
  pairs,
  put,
  remove,
  types,
} from "./item-store-drafts.contract.js";

/** What every ItemStore promises about what is removed from it: part of its contract. */
export function describeItemRemovals(name: string, makePlace: () => Promise<ItemStorePlace>): void {
  describe(`ItemStore contract, removals: ${name}`, () => {
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

    it("forgets old versions and tombstones, and says so to those who come for them", async () => {
      const { version: first } = await store.commit([put("a", "1"), put("b", "1")], EACH);
      clock.nowMs += 1000;
      const { version: second } = await store.commit([put("a", "2"), remove("b")], EACH);
      clock.nowMs += 1000;
      await store.commit([put("d", "3")], EACH);
      let removed = 0;
      for (let step = -1; step !== 0; removed += step) step = await store.vacuum(clock.nowMs);
      expect(removed).toBe(3);
      expect(await current()).toEqual(["a=2", "d=3"]);
      await expect(store.scan({ collection: "c", snapshot: first, ...ALL })).rejects.toBeInstanceOf(SnapshotExpired);
      await expect(store.get("c", { key: "a" }, first)).rejects.toBeInstanceOf(SnapshotExpired);
      expect(pairs(await store.scan({ collection: "c", snapshot: second, ...ALL }))).toEqual(["a=2"]);
      await expect(store.changes({ collection: "c", afterVersion: first, ...ALL })).rejects.toBeInstanceOf(
        SnapshotExpired,
      );
      expect(pairs(await store.changes({ collection: "c", afterVersion: 0, ...ALL }))).toEqual(["a=2", "d=3"]);
      expect(pairs(await store.changes({ collection: "c", afterVersion: second, ...ALL }))).toEqual(["d=3"]);
    });

    it("keeps tombstones for as long as their collection wants", async () => {
      await store.commit([put("a", "1")], EACH);
      await store.commit([remove("a")], EACH);
      clock.nowMs += 1000;
      while ((await store.vacuum(clock.nowMs, () => 0)) > 0);
      expect(pairs(await store.changes({ collection: "c", afterVersion: 1, ...ALL }))).toEqual(["a=deleted"]);
    });

    it("drops a collection with everything in it, and no other", async () => {
      await store.commit([put("a", "1"), put("b", "1")], EACH);
      await store.commit([{ collection: "other", put: { key: "x", head: bytes(""), data: bytes("y") } }], EACH);
      while ((await store.drop("c")) > 0);
      expect(await current()).toEqual([]);
      expect(await store.size("c")).toMatchObject({ rows: 0, dataBytes: 0 });
      expect(pairs(await store.scan({ collection: "other", ...ALL }))).toEqual(["x=y"]);
      const { outcomes } = await store.commit([put("a", "new", { ifVersion: 0 })], EACH);
      expect(types(outcomes)).toEqual(["written"]);
    });

    it("lets those who began with nothing read on although tombstones from before are gone", async () => {
      await store.commit([put("a", "1"), put("b", "1"), put("d", "1")], EACH);
      await store.commit([remove("d")], EACH);
      clock.nowMs += 1000;
      while ((await store.vacuum(clock.nowMs)) > 0);
      const beganAt = await store.version();
      const scan = { collection: "c", beganAt, ...ALL };
      const first = await store.changes({ ...scan, afterVersion: 0, maxRows: 1 });
      expect(first).toMatchObject({ rows: [{ key: "a" }], exhausted: false });
      expect(pairs(await store.changes({ ...scan, afterVersion: first.scannedTo }))).toEqual(["b=1"]);
      const without = store.changes({ collection: "c", ...ALL, afterVersion: first.scannedTo });
      await expect(without).rejects.toBeInstanceOf(SnapshotExpired);
      await store.commit([remove("a")], EACH);
      clock.nowMs += 1000;
      while ((await store.vacuum(clock.nowMs)) > 0);
      const late = store.changes({ ...scan, afterVersion: first.scannedTo });
      await expect(late).rejects.toBeInstanceOf(SnapshotExpired);
    });

    it("says of a collection that was dropped that changes from before are gone", async () => {
      const { version } = await store.commit([put("a", "1")], EACH);
      await store.commit([put("a", "2")], EACH);
      while ((await store.drop("c")) > 0);
      await store.commit([put("b", "1")], EACH);
      const changes = store.changes({ collection: "c", afterVersion: version, ...ALL });
      await expect(changes).rejects.toBeInstanceOf(SnapshotExpired);
      expect(pairs(await store.scan({ collection: "c", snapshot: version, ...ALL }))).toEqual([]);
    });

    it("removes large collections and long histories step by step", async () => {
      const many = (data: string): RowMutation[] =>
        Array.from({ length: 1500 }, (_, n) => put(String(n).padStart(4, "0"), data));
      await store.commit(many("1"), EACH);
      clock.nowMs += 1000;
      await store.commit(many("2"), EACH);
      clock.nowMs += 1000;
      let removed = 0;
      for (let step = -1; step !== 0; removed += step) step = await store.vacuum(clock.nowMs);
      expect(removed).toBe(1500);
      expect((await store.size("c")).rows).toBe(1500);
      while ((await store.drop("c")) > 0);
      expect(await current()).toEqual([]);
    });

    it("remembers what it has forgotten when it is opened again, if it is persistent", async () => {
      if (!place.persistent) return;
      const { version: first } = await store.commit([put("a", "1"), put("b", "1")], EACH);
      clock.nowMs += 1000;
      await store.commit([put("a", "2"), remove("b")], EACH);
      clock.nowMs += 1000;
      while ((await store.vacuum(clock.nowMs)) > 0);
      await store[Symbol.asyncDispose]();
      store = await place.open(clock);
      await expect(store.scan({ collection: "c", snapshot: first, ...ALL })).rejects.toBeInstanceOf(SnapshotExpired);
      const changes = store.changes({ collection: "c", afterVersion: first, ...ALL });
      await expect(changes).rejects.toBeInstanceOf(SnapshotExpired);
    });
  });
}
