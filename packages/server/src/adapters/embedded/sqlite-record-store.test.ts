import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { describe, expect, it } from "@jest/globals";

import { describeRecordStore } from "../../ports/record-store.contract.js";

import { SqliteRecordStore } from "./sqlite-record-store.js";
import { openTemporaryFolder } from "./temporary-folder.js";

describeRecordStore("sqlite", async () => {
  const folder = await openTemporaryFolder();
  return {
    persistent: true,
    open: () => SqliteRecordStore.open(join(folder.path, "records.db")),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
});

describe("SqliteRecordStore", () => {
  it("makes its files readable by this user only", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await SqliteRecordStore.open(join(folder.path, "records.db"));
    await store.commit([{ collection: "things", key: "a", value: "x" }]);
    for (const name of ["records.db", "records.db-wal", "records.db-shm"]) {
      expect((await stat(join(folder.path, name))).mode & 0o777).toBe(0o600);
    }
  });

  it("says why it cannot open a file that is no database", async () => {
    await using folder = await openTemporaryFolder();
    await writeFile(join(folder.path, "records.db"), "this is text, and longer than a header of SQLite".repeat(20));
    await expect(SqliteRecordStore.open(join(folder.path, "records.db"))).rejects.toThrow(/not a database/);
  });

  it("refuses records that a newer version wrote", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "records.db");
    const newer = new DatabaseSync(path);
    newer.exec("PRAGMA user_version = 2");
    newer.close();
    await expect(SqliteRecordStore.open(path)).rejects.toThrow("the records have format 2, this server reads up to 1");
  });

  it("does not wait for one commit before it takes the next", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await SqliteRecordStore.open(join(folder.path, "records.db"));
    const commits = Array.from({ length: 2000 }, (_, index) =>
      store.commit([{ collection: "things", key: String(index), value: "x" }]),
    );
    await Promise.all(commits);
    expect(await store.scan("things", { limit: 3000 })).toHaveLength(2000);
  });
});
