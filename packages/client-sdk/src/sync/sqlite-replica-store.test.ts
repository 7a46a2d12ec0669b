import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import { describeReplicaStore } from "./replica-store.contract.js";
import { openSqliteReplicaStore } from "./sqlite-replica-store.js";

async function tempDir() {
  const path = await mkdtemp(join(tmpdir(), "millrace-replica-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describeReplicaStore("sqlite", async () => {
  const dir = await tempDir();
  return { ...dir, open: () => openSqliteReplicaStore(join(dir.path, "replica.db")) };
});

describe("a replica's store in a SQLite file", () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let file: string;

  beforeEach(async () => {
    dir = await tempDir();
    file = join(dir.path, "replica.db");
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  it("is held by one at a time", async () => {
    await using first = await openSqliteReplicaStore(file);
    await expect(openSqliteReplicaStore(file)).rejects.toMatchObject({ kind: "failed-precondition" });
    expect(first.get("t", "a")).toBeUndefined();
    await first[Symbol.asyncDispose]();
    await (await openSqliteReplicaStore(file))[Symbol.asyncDispose]();
  });

  it("says that a file is no replica, and leaves it alone", async () => {
    await writeFile(file, "something else entirely, and longer than the header of a database ".repeat(20));
    await expect(openSqliteReplicaStore(file)).rejects.toMatchObject({ kind: "failed-precondition" });
  });

  it("says which file it is that cannot be made", async () => {
    const missing = join(dir.path, "missing", "replica.db");
    const message = `the replica in ${missing} cannot be opened: Error: unable to open database file`;
    await expect(openSqliteReplicaStore(missing)).rejects.toMatchObject({ kind: "failed-precondition", message });
  });

  it("has nothing of a write that was not durable when the process died", async () => {
    await using store = await openSqliteReplicaStore(file);
    await store.write([{ type: "put", table: "t", key: "a", value: Buffer.from("durable") }]);
    void store.write([{ type: "put", table: "t", key: "b", value: Buffer.from("not yet") }]);
    // What another process finds: the transaction that is open is not in the file.
    const copy = join(dir.path, "copy.db");
    const { copyFileSync } = await import("node:fs");
    copyFileSync(file, copy);
    copyFileSync(`${file}-wal`, `${copy}-wal`);
    using found = new DatabaseSync(copy);
    expect(found.prepare("SELECT CAST(key AS TEXT) AS key FROM replica").all()).toEqual([{ key: "a" }]);
  });

  it("goes on after a write that is none, and takes nothing when it is closed", async () => {
    const store = await openSqliteReplicaStore(file);
    const value = Buffer.from("x");
    const refused = store.write([{ type: "put", table: "t", key: null as never, value }]);
    await expect(refused).rejects.toMatchObject({ name: "TypeError" });
    await store.write([{ type: "put", table: "t", key: "a", value }]); // the store itself is well
    await store[Symbol.asyncDispose]();
    await expect(async () => store.write([{ type: "put", table: "t", key: "a", value }])).rejects.toThrow("not open");
  });
});
