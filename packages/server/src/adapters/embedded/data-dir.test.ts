import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { DataDir, DataDirInUseError } from "./data-dir.js";
import { openEmbeddedStores } from "./embedded-stores.js";
import { openTemporaryFolder } from "./temporary-folder.js";

/** A process that takes the folder the way a server does, says so, and waits. */
function holdElsewhere(path: string): ReturnType<typeof spawn> {
  const program = `
    const { DatabaseSync } = require("node:sqlite");
    const lock = new DatabaseSync(process.argv[1]);
    lock.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    process.stdout.write("held");
    setInterval(() => lock, 1000);`;
  return spawn(process.execPath, ["-e", program, join(path, "lock.db")], { stdio: ["ignore", "pipe", "ignore"] });
}

describe("DataDir", () => {
  it("keeps the identity that it made the first time", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "data");
    const first = await DataDir.open(path);
    first[Symbol.dispose]();
    using second = await DataDir.open(path);
    expect(second.identity).toEqual(first.identity);
    expect(second.identity.tokenSecret).toHaveLength(32);
    expect(second.identity.clusterId).toMatch(/^[0-9a-f]{26}$/);
  });

  it("can be entered by this user only, and so can its files", async () => {
    await using folder = await openTemporaryFolder();
    using data = await DataDir.open(join(folder.path, "data"));
    expect((await stat(data.path)).mode & 0o777).toBe(0o700);
    for (const name of ["identity.json", "lock.db"]) {
      expect((await stat(join(data.path, name))).mode & 0o777).toBe(0o600);
    }
  });

  it("is refused to a second server of this process, and free when the first has closed it", async () => {
    await using folder = await openTemporaryFolder();
    const first = await openEmbeddedStores(folder.path);
    await expect(openEmbeddedStores(folder.path)).rejects.toThrow(DataDirInUseError);
    await expect(openEmbeddedStores(folder.path)).rejects.toThrow(
      `another server uses the data directory ${folder.path}`,
    );
    await first[Symbol.asyncDispose]();
    await using again = await openEmbeddedStores(folder.path);
    expect(again.identity).toEqual(first.identity);
  });

  it("is refused while another process holds it, and free once that was killed", async () => {
    await using folder = await openTemporaryFolder();
    (await DataDir.open(folder.path))[Symbol.dispose]();
    const other = holdElsewhere(folder.path);
    if (other.stdout === null) throw new Error("no stdout");
    await once(other.stdout, "data");
    await expect(DataDir.open(folder.path)).rejects.toThrow(DataDirInUseError);
    other.kill("SIGKILL");
    await once(other, "exit");
    using data = await DataDir.open(folder.path);
    expect(data.path).toBe(folder.path);
  });

  it("is taken without writing, so that a full disk does not look like another server", async () => {
    await using folder = await openTemporaryFolder();
    using data = await DataDir.open(folder.path);
    expect((await readdir(data.path)).toSorted()).toEqual(["identity.json", "lock.db"]);
    expect((await stat(join(data.path, "lock.db"))).size).toBe(0);
  });

  it("is made with the folders above it, which are kept if they are there", async () => {
    await using folder = await openTemporaryFolder();
    for (const path of ["a/b/c/", "a/./b/d", "a"]) (await DataDir.open(join(folder.path, path)))[Symbol.dispose]();
    expect((await readdir(join(folder.path, "a/b"))).toSorted()).toEqual(["c", "d"]);
    expect((await stat(join(folder.path, "a/b"))).mode & 0o777).toBe(0o700);
  });

  it("fails if there is a file in its place, or above it", async () => {
    await using folder = await openTemporaryFolder();
    await writeFile(join(folder.path, "file"), "");
    await expect(DataDir.open(join(folder.path, "file"))).rejects.toMatchObject({ code: "EEXIST" });
    await expect(DataDir.open(join(folder.path, "file", "data"))).rejects.toMatchObject({ code: "ENOTDIR" });
  });

  it("does not say that it is in use when its lock cannot be read", async () => {
    await using folder = await openTemporaryFolder();
    await writeFile(join(folder.path, "lock.db"), "not a database".repeat(100));
    const refused = await DataDir.open(folder.path).catch((error: unknown) => error);
    expect(refused).not.toBeInstanceOf(DataDirInUseError);
    expect(refused).toMatchObject({ message: "file is not a database" });
  });
});
