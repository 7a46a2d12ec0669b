import { randomInt } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { describeItemStore } from "../../ports/item-store.contract.js";
import { ALL, ALL_OR_NONE, EACH, pairs, put, remove, types } from "../../ports/item-store-drafts.contract.js";

import { SqliteItemStore } from "./sqlite-item-store.js";
import { openTemporaryFolder } from "./temporary-folder.js";

describeItemStore("sqlite", async () => {
  const folder = await openTemporaryFolder();
  return {
    persistent: true,
    open: (clock) => SqliteItemStore.open(join(folder.path, "items.db"), { clock }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
});

/** Transactions in a write-ahead log that was not begun anew, https://sqlite.org/fileformat2.html#walformat. */
async function commitsIn(path: string): Promise<number> {
  const wal = await readFile(path);
  const frameBytes = 24 + wal.readUInt32BE(8);
  let commits = 0;
  for (let frame = 32; frame < wal.length; frame += frameBytes) if (wal.readUInt32BE(frame + 4) > 0) commits += 1;
  return commits;
}

describe("SqliteItemStore", () => {
  it("makes its files readable by this user only", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await SqliteItemStore.open(join(folder.path, "items.db"));
    await store.commit([put("a", "1")], EACH);
    for (const name of ["items.db", "items.db-wal", "items.db-shm"]) {
      expect((await stat(join(folder.path, name))).mode & 0o777).toBe(0o600);
    }
  });

  it("says why it cannot open a file that is no database", async () => {
    await using folder = await openTemporaryFolder();
    await writeFile(join(folder.path, "items.db"), "this is text, and longer than a header of SQLite".repeat(20));
    await expect(SqliteItemStore.open(join(folder.path, "items.db"))).rejects.toThrow(/not a database/);
  });

  it("refuses items that a newer version wrote", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "items.db");
    const newer = new DatabaseSync(path);
    newer.exec("PRAGMA user_version = 2");
    newer.close();
    await expect(SqliteItemStore.open(path)).rejects.toThrow("the items have format 2, this server reads up to 1");
  });

  it("stores all commits of a turn of the event loop in one transaction, each whole or not at all", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "items.db");
    await using store = await SqliteItemStore.open(path);
    await store.commit([put("first", "1")], EACH);
    const before = await commitsIn(`${path}-wal`);
    const commits = Array.from({ length: 64 }, (_, n) => {
      const mutations = [put(`a${String(n)}`, "1"), put(`b${String(n)}`, "1"), put("first", "2", { ifVersion: 99 })];
      return store.commit(n % 2 === 0 ? mutations.slice(0, 2) : mutations, ALL_OR_NONE);
    });
    expect((await Promise.all(commits)).map(({ committed }) => committed)).toEqual(commits.map((_, n) => n % 2 === 0));
    expect(await commitsIn(`${path}-wal`)).toBe(before + 1);
    const { rows } = await store.scan({ collection: "c", ...ALL });
    const even = Array.from({ length: 32 }, (_, n) => String(2 * n));
    expect(new Set(rows.map(({ key }) => key))).toEqual(new Set(["first", ...even.flatMap((n) => [`a${n}`, `b${n}`])]));
  });

  it("finds the next free id behind a thousand that were chosen", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await SqliteItemStore.open(join(folder.path, "items.db"));
    const chosen = Array.from({ length: 1000 }, (_, n) => put(`k${String(n)}`, "", {}, String(1000 - n)));
    await store.commit([...chosen, put("far", "", {}, "9223372036854775807")], EACH);
    const { outcomes } = await store.commit([put("x", ""), put("y", "")], EACH);
    expect(outcomes).toMatchObject([{ id: "1001" }, { id: "1002" }]);
  });

  it("does not mix up the rows of a page that it has given out with those of the next", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await SqliteItemStore.open(join(folder.path, "items.db"));
    const keys = Array.from({ length: 200 }, (_, n) => String(n).padStart(3, "0"));
    await store.commit(
      keys.map((key) => put(key, `data ${key}`)),
      EACH,
    );
    const first = await store.scan({ collection: "c", maxRows: 150, maxBytes: 1e6 });
    const copy = structuredClone(first.rows);
    const rest = await store.scan({ collection: "c", afterKey: "149", ...ALL });
    expect(first.rows).toEqual(copy);
    expect(pairs({ rows: [...first.rows, ...rest.rows] })).toEqual(keys.map((key) => `${key}=data ${key}`));
  });

  it("gives large rows back, alone on their page where they must be, and their keys without them", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await SqliteItemStore.open(join(folder.path, "items.db"));
    const large = "x".repeat(9 * 1024 * 1024);
    await store.commit([put("a", "1"), put("b", large), put("d", "3")], EACH);
    const keysOf = async (options: object): Promise<string[]> =>
      (await store.scan({ collection: "c", maxRows: 10, maxBytes: 1e9, ...options })).rows.map(({ key }) => key);
    expect(await keysOf({})).toEqual(["a"]);
    expect(await keysOf({ afterKey: "a" })).toEqual(["b"]);
    expect(await keysOf({ keysOnly: true })).toEqual(["a", "b", "d"]);
    expect((await store.get("c", { key: "b" }))?.data).toHaveLength(large.length);
  });

  it("gives each row once, in order, however large some are and however little fits on a page", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await SqliteItemStore.open(join(folder.path, "items.db"));
    const seed = randomInt(2 ** 31);
    process.stdout.write(`sqlite-item-store.test.ts: seed ${String(seed)}\n`);
    const sizes = fc.sample(fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 20_000 })), { numRuns: 400, seed });
    const keys = sizes.map((_, n) => String(n).padStart(3, "0"));
    await store.commit(
      sizes.map((size, n) => put(keys[n] ?? "", String(n % 10).repeat(size))),
      EACH,
    );
    const snapshot = await store.version();
    await store.commit([put("100", "changed"), put("1001", "new"), remove("200")], EACH);
    const kinds = fc.record({ descending: fc.boolean(), keysOnly: fc.boolean(), past: fc.boolean() });
    const limits = fc.record({
      maxRows: fc.integer({ min: 5, max: 1000 }),
      maxBytes: fc.integer({ min: 1, max: 100_000 }),
    });
    await fc.assert(
      fc.asyncProperty(kinds, limits, async ({ past, ...kind }, limit) => {
        const scan = { collection: "c", ...kind, ...limit, ...(past && { snapshot }) };
        const found: string[] = [];
        for (let page = await store.scan(scan); ;) {
          const bytes = page.rows.reduce((sum, { data }) => sum + data.length, 0);
          expect(page.rows.length === 1 || (page.rows.length <= limit.maxRows && bytes <= limit.maxBytes)).toBe(true);
          for (const { key, data } of page.rows) found.push(`${key} ${String(data.length)}`);
          if (page.exhausted) break;
          page = await store.scan({ ...scan, afterKey: page.rows.at(-1)?.key ?? "" });
        }
        const now = keys.flatMap((key, n) => (key === "200" ? [] : [[key, key === "100" ? 7 : sizes[n]] as const]));
        now.splice(101, 0, ["1001", 3]);
        const rows = past ? keys.map((key, n) => [key, sizes[n]] as const) : now;
        const expected = rows.map(([key, size]) => `${key} ${String(kind.keysOnly ? 0 : size)}`);
        expect(found).toEqual(kind.descending ? expected.toReversed() : expected);
      }),
      { numRuns: 20, seed },
    );
  });

  it("goes on removing what was dropped when it is opened again", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "items.db");
    const keys = Array.from({ length: 1200 }, (_, n) => String(n));
    {
      await using store = await SqliteItemStore.open(path);
      await store.commit(
        keys.map((key) => put(key, "")),
        EACH,
      );
      expect(await store.drop("c")).toBe(1000);
    }
    await using store = await SqliteItemStore.open(path);
    expect(pairs(await store.scan({ collection: "c", ...ALL }))).toEqual([]);
    expect(types((await store.commit([put("1", "", { ifVersion: 0 })], EACH)).outcomes)).toEqual(["written"]);
    expect(await store.vacuum(0)).toBe(200);
    expect(await store.vacuum(0)).toBe(0);
    expect(pairs(await store.scan({ collection: "c", ...ALL }))).toEqual(["1="]);
  });

  it("counts what it holds as it is, whatever was tried", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "items.db");
    await using store = await SqliteItemStore.open(path);
    await store.commit([put("a", "123"), put("b", "1")], EACH);
    await store.commit([put("a", "1"), remove("b"), put("d", "1", { ifVersion: 7 })], ALL_OR_NONE);
    await store.commit([put("a", "12"), remove("b"), put("d", "1", { ifVersion: 7 })], EACH);
    await store.commit([put("b", "1")], EACH);
    expect(await store.size("c")).toEqual({ rows: 2, dataBytes: 3, version: 5 });
    const database = new DatabaseSync(path, { readOnly: true });
    const { count } = database.prepare("SELECT count(*) AS count FROM versions").get() as { count: number };
    database.close();
    expect(count).toBe(4); // a and b as they are, a and b as they were: the tombstone between is of no use
  });
});
