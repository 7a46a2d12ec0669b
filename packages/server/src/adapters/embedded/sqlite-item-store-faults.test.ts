import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import type { Readable } from "node:stream";

import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { ItemStore, Row } from "../../ports/item-store.js";
import { ALL, ALL_OR_NONE, EACH, pairs, put, textOf } from "../../ports/item-store-drafts.contract.js";

import { SOURCE_IMPORTS } from "./worker-thread.js";
import { SqliteItemStore } from "./sqlite-item-store.js";
import { openTemporaryFolder } from "./temporary-folder.js";

const MODULE = new URL("./sqlite-item-store.ts", import.meta.url).href;

/** Opens the store in the file that it is given. */
const PRELUDE = `
  const [module, path, name] = process.argv.slice(1);
  const { SqliteItemStore } = await import(module);
  const losses = [];
  const store = await SqliteItemStore.open(path, { onLost: (error) => losses.push(String(error.cause)) });
  const put = (key, data) => ({ collection: "c", put: { key, head: new Uint8Array(9), data: Buffer.from(data) } });`;

/** From eight places at once writes three rows of the same data at a time, and that to stdout once it is acknowledged. */
const WRITERS = `${PRELUDE}
  const work = async (writer) => {
    for (let n = 0; ; n += 1) {
      const data = [name, n].join("/");
      const keys = ["x", "y", "z"].map((part) => part + writer);
      await store.commit([...keys.map((key) => put(key, data)), put(writer + "/" + data, data.repeat(20))], { atomic: true });
      process.stdout.write(writer + "/" + data + "\\n");
    }
  };
  for (let writer = 0; writer < 8; writer += 1) work(writer);
  const vacuum = async () => {
    for (;;) if ((await store.vacuum(Date.now() - 20)) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  vacuum();`;

/** Writes until that fails, tries again, reads, and writes what came of it to stdout. */
const UNTIL_FAILURE = `${PRELUDE}
  const acknowledged = [];
  const tryPut = (key) =>
    store.commit([put(key, key.repeat(20))], { atomic: false }).then(() => acknowledged.push(key) && "", (error) => error.reason);
  let failure = "";
  for (let n = 0; failure === ""; n += 1) failure = await tryPut(String(n).padStart(6, "0"));
  const again = await tryPut("again");
  const read = [];
  for (let afterKey = ""; ; ) {
    const page = await store.scan({ collection: "c", afterKey, maxRows: 5000, maxBytes: 1e7 });
    read.push(...page.rows.map(({ key }) => key));
    if (page.exhausted) break;
    afterKey = read.at(-1);
  }
  console.log(JSON.stringify({ failure, again, losses, acknowledged, read }));
  process.exit();`;

type Child = ChildProcessByStdio<null, Readable, null>;

/** A process that runs `program` on the store at `path`, started by `command` if there is one. */
function runOn(path: string, program: string, name: string, ...command: readonly string[]): Child {
  const node = [process.execPath, "--import", SOURCE_IMPORTS, "--input-type=module", "-e", program, MODULE, path, name];
  const [file = "", ...args] = [...command, ...node];
  return spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
}

/** Kills the child once it has written `count` lines; all that it has written. */
async function linesUntilKilled(child: Child, count: number): Promise<readonly string[]> {
  const ended = once(child, "close");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (lines.push(line) === count) child.kill("SIGKILL");
  }
  await ended;
  return lines;
}

async function readAll(store: ItemStore): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (let afterKey = ""; ;) {
    const page = await store.scan({ collection: "c", afterKey, maxRows: 5000, maxBytes: 1e7 });
    rows.push(...page.rows);
    if (page.exhausted) return rows;
    afterKey = page.rows.at(-1)?.key ?? "";
  }
}

/** That the rows are what whole commits left: of each writer the same in three, and all that it acknowledged. */
function expectWholeCommits(rows: readonly Row[], acknowledged: readonly string[]): void {
  const data = new Map(rows.map((row) => [row.key, textOf(row) ?? ""]));
  for (let writer = 0; writer < 8; writer += 1) {
    const [x, ...rest] = ["x", "y", "z"].map((part) => data.get(`${part}${String(writer)}`));
    expect(rest).toEqual([x, x]);
    if (x !== undefined) expect(data.get(`${String(writer)}/${x}`)).toBe(x.repeat(20));
  }
  expect(acknowledged.filter((key) => !data.has(key))).toEqual([]);
  for (const [key, text] of data) if (/^\d/.test(key)) expect(text).toBe(key.slice(2).repeat(20));
}

describe("a process that is killed while it writes", () => {
  it("has lost nothing that it acknowledged, and left no commit by half", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "items.db");
    const acknowledged: string[] = [];
    for (const [round, count] of [1, 2, 7, 20, 50, 100, 150, 200, 300, 500, 3, 30].entries()) {
      acknowledged.push(...(await linesUntilKilled(runOn(path, WRITERS, `round ${String(round)}`), count)));
      await using store = await SqliteItemStore.open(path);
      const rows = await readAll(store);
      expectWholeCommits(rows, acknowledged);
      const newest = Math.max(...rows.map(({ version }) => version));
      expect(await store.size("c")).toMatchObject({ rows: rows.length, version: newest });
      expect(await store.version()).toBe(newest);
      const { rows: changed } = await store.changes({ collection: "c", afterVersion: newest - 1, ...ALL });
      expect(changed.map(({ version }) => version)).toEqual([newest]);
    }
    expect(acknowledged.length).toBeGreaterThan(1000);
  }, 120_000);
});

describe("a disk that fails to write", () => {
  it("ends all writing until the store is opened anew, says so once, loses nothing, and does not end reading", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "items.db");
    const child = runOn(path, UNTIL_FAILURE, "", "sh", "-c", 'ulimit -f 1000; exec "$@"', "sh"); // larger files fail with EFBIG
    const output = (await child.stdout.toArray()).join("");
    const outcome = JSON.parse(output) as {
      readonly [list in "losses" | "acknowledged" | "read"]: readonly string[];
    };
    expect(outcome).toMatchObject({ failure: "BACKEND_UNAVAILABLE", again: "BACKEND_UNAVAILABLE" });
    expect(outcome.losses).toEqual([expect.stringContaining("disk I/O error")]);
    expect(outcome.acknowledged.length).toBeGreaterThan(10);
    expect(outcome.read).toEqual(outcome.acknowledged);
    await using store = await SqliteItemStore.open(path);
    const found = (await readAll(store)).map(({ key }) => key);
    expect(found.slice(0, outcome.acknowledged.length)).toEqual(outcome.acknowledged);
    await store.commit([put("later", "x")], EACH);
    expect(textOf(await store.get("c", { key: "later" }))).toBe("x");
  }, 60_000);
});

describe("a disk that is full", () => {
  it("fails the commits that meet it, whole, and later ones no more once there is space", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await SqliteItemStore.open(join(folder.path, "items.db"), { maxPages: 200 });
    const commit = (name: string): Promise<unknown> =>
      store.commit([put(`${name} one`, "x".repeat(10_000)), put(`${name} two`, "x".repeat(10_000))], ALL_OR_NONE);
    const commitUntilFull = async (prefix: string): Promise<readonly string[]> => {
      for (const stored: string[] = []; ;) {
        const name = `${prefix} ${String(stored.length).padStart(3, "0")}`;
        const refused: unknown = await commit(name).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (refused === undefined) stored.push(name);
        else expect(refused).toMatchObject({ reason: "QUOTA_EXCEEDED" });
        if (refused !== undefined) return stored;
      }
    };
    const stored = await commitUntilFull("before");
    expect(stored.length).toBeGreaterThan(10);
    await expect(commit("still full")).rejects.toMatchObject({ reason: "QUOTA_EXCEEDED" });
    const keys = (await readAll(store)).map(({ key }) => key);
    expect(keys).toEqual(stored.flatMap((name) => [`${name} one`, `${name} two`]));
    expect(await store.size("c")).toMatchObject({ rows: keys.length, version: keys.length });
    while ((await store.drop("c")) > 0);
    const later = await commitUntilFull("after");
    expect(later.length).toBeGreaterThan(10);
    expect(await store.size("c")).toMatchObject({ rows: 2 * later.length });
  }, 60_000);
});

/** Makes a store with rows of all sizes, of which some have changed; what is in it. */
async function fillStore(path: string): Promise<readonly Row[]> {
  await using store = await SqliteItemStore.open(path);
  for (let n = 0; n < 60; n += 1) {
    const data = `${String(n)} `.repeat(n % 10 === 0 ? 3000 : 70);
    await store.commit([put(`key ${String(n % 50).padStart(2, "0")}`, data)], EACH);
  }
  return await readAll(store);
}

async function flipBit(path: string, at: number, bit: number): Promise<void> {
  await using file = await open(path, "r+");
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
  await file.write(Buffer.of(buffer.readUInt8() ^ (1 << bit)), 0, 1, at);
}

describe("a database in which a bit has changed", () => {
  it("gives out no row that is not as it was stored", async () => {
    await using folder = await openTemporaryFolder();
    const [good, bad] = [join(folder.path, "good.db"), join(folder.path, "bad.db")];
    const stored = new Map((await fillStore(good)).map((row) => [row.key, row]));
    const places = fc.record({ at: fc.nat({ max: (await stat(good)).size - 1 }), bit: fc.nat({ max: 7 }) });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(places, async ({ at, bit }) => {
        await copyFile(good, bad);
        await flipBit(bad, at, bit);
        await using store = await SqliteItemStore.open(bad).catch(() => undefined);
        const found = await store?.scan({ collection: "c", ...ALL }).catch((error: unknown) => error as Error);
        if (found instanceof Error) expect(found).toMatchObject({ reason: "CORRUPT_DATA" });
        else for (const row of found?.rows ?? []) expect(row).toEqual(stored.get(row.key));
        for (const [key, row] of stored) {
          const got = await store?.get("c", { key }).catch((error: unknown) => error);
          if (got instanceof Error) expect(got).toMatchObject({ reason: "CORRUPT_DATA" });
          else if (got !== undefined) expect(got).toEqual(row);
          if (got instanceof Error) refused += 1;
        }
      }),
      { numRuns: 20 },
    );
    expect(refused).toBeGreaterThan(0);
  }, 120_000);

  it("gives out what comes before the damage, then says where that is, and goes on behind it", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "items.db");
    {
      await using store = await SqliteItemStore.open(path);
      await store.commit([put("a", "1"), put("b", "2"), put("d", "3"), put("e", "4")], EACH);
    }
    const database = new DatabaseSync(path);
    database.exec("UPDATE versions SET data = x'00' WHERE version = 2");
    database.exec("UPDATE current SET version = 40 + version, deleted = 0 WHERE key = x'65'");
    database.close();
    await using store = await SqliteItemStore.open(path);
    const first = await store.scan({ collection: "c", ...ALL });
    expect(pairs(first)).toEqual(["a=1"]);
    expect(first.exhausted).toBe(false);
    const refused = store.scan({ collection: "c", afterKey: "a", ...ALL });
    await expect(refused).rejects.toMatchObject({ reason: "CORRUPT_DATA", message: /version 2 is damaged/ });
    expect(pairs(await store.scan({ collection: "c", afterKey: "b", ...ALL }))).toEqual(["d=3"]);
    await expect(store.get("c", { key: "e" })).rejects.toMatchObject({ reason: "CORRUPT_DATA" });
    await store.commit([put("b", "2", { skipEqual: true })], EACH);
    expect(textOf(await store.get("c", { key: "b" }))).toBe("2");
  });
});
