import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { describe, expect, it } from "@jest/globals";

import type { SampleBatch } from "../../ports/metric-store.js";
import { describeMetricStore } from "../../ports/metric-store.contract.js";
import { batch, MAX_SERIES, numbered, totalOf, windowsOf } from "../../ports/metric-store-drafts.contract.js";

import { SqliteMetricStore } from "./sqlite-metric-store.js";
import { openTemporaryFolder } from "./temporary-folder.js";

describeMetricStore("sqlite", async () => {
  const folder = await openTemporaryFolder();
  return {
    persistent: true,
    open: (clock) => SqliteMetricStore.open(join(folder.path, "metrics.db"), { clock, maxSeries: MAX_SERIES }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
});

const LIMITS = { maxSeries: 1000 };

/** Transactions in a write-ahead log that was not begun anew, https://sqlite.org/fileformat2.html#walformat. */
async function commitsIn(path: string): Promise<number> {
  const wal = await readFile(path);
  const frameBytes = 24 + wal.readUInt32BE(8);
  let commits = 0;
  for (let frame = 32; frame < wal.length; frame += frameBytes) if (wal.readUInt32BE(frame + 4) > 0) commits += 1;
  return commits;
}

function many(count: number, label = "a"): SampleBatch {
  return batch(Array.from({ length: count }, (_, n) => ({ label, timeMs: n })));
}

describe("SqliteMetricStore", () => {
  it("starts no thread and makes no table before it is used, and files that only this user reads", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "metrics.db");
    await using store = await SqliteMetricStore.open(path, LIMITS);
    expect((await stat(path)).size).toBe(0);
    await store.append(batch([{}]));
    for (const name of ["metrics.db", "metrics.db-wal", "metrics.db-shm"]) {
      expect((await stat(join(folder.path, name))).mode & 0o777).toBe(0o600);
    }
  });

  it("says at once that a file is no database, or of a newer version", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "metrics.db");
    await writeFile(path, "this is text, and longer than a header of SQLite".repeat(20));
    await expect(SqliteMetricStore.open(path, LIMITS)).rejects.toThrow("the metrics are not a database");
    const newer = new DatabaseSync(join(folder.path, "newer.db"));
    newer.exec("PRAGMA user_version = 2");
    newer.close();
    const opening = SqliteMetricStore.open(join(folder.path, "newer.db"), LIMITS);
    await expect(opening).rejects.toThrow("the metrics have format 2, this server reads up to 1");
  });

  it("stores all batches of a turn of the event loop in one transaction", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "metrics.db");
    await using store = await SqliteMetricStore.open(path, LIMITS);
    await store.append(batch([{}]));
    const before = await commitsIn(`${path}-wal`);
    await Promise.all(Array.from({ length: 64 }, (_, n) => store.append(batch([{ label: String(n) }]))));
    expect(await commitsIn(`${path}-wal`)).toBe(before + 1);
    expect(await totalOf(store)).toMatchObject({ count: 65 });
  });

  it("sorts many samples at a time, and finds each once before, while and after it does", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "metrics.db");
    {
      await using store = await SqliteMetricStore.open(path, { ...LIMITS, settleSamples: 100 });
      for (let n = 1; n <= 10; n++) {
        await store.append(many(30, String(n % 3)));
        expect(await totalOf(store)).toMatchObject({ count: 30 * n });
      }
      await store.append(many(99));
    }
    const database = new DatabaseSync(path, { readOnly: true });
    const countOf = (table: string): unknown => database.prepare(`SELECT count(*) AS count FROM ${table}`).get();
    expect([countOf("settled"), countOf("arrivals"), countOf("samples")]).toEqual(
      [300, 99, 399].map((count) => expect.objectContaining({ count })),
    );
    database.close();
    await using again = await SqliteMetricStore.open(path, { ...LIMITS, settleSamples: 100 });
    await again.append(many(1));
    expect(await totalOf(again)).toMatchObject({ count: 400 });
  });

  it("aggregates more than it reads at a time, and lets others in between", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await SqliteMetricStore.open(join(folder.path, "metrics.db"), LIMITS);
    await store.append(many(50_000));
    const order: string[] = [];
    const long = windowsOf(store, { stepMs: 10, endMs: 50_000 }).then((windows) => {
      order.push("long");
      return windows;
    });
    const short = windowsOf(store, { endMs: 10 }).then(() => order.push("short"));
    const windows = await long;
    await short;
    expect(order).toEqual(["short", "long"]);
    expect(windows).toHaveLength(5000);
    expect(windows.every(({ aggregate }) => aggregate.count === 10)).toBe(true);
  });

  it("refuses more aggregations than it has memory for, and has room again when they end", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await SqliteMetricStore.open(join(folder.path, "metrics.db"), LIMITS);
    await store.append(many(2000));
    const plan = { groups: [[1]], startMs: 0, endMs: 2000, stepMs: 1, quantiles: [] };
    const running = Array.from({ length: 16 }, () => store.aggregate(plan));
    await Promise.all(running.map((each) => each.next()));
    await expect(totalOf(store)).rejects.toMatchObject({ reason: "RATE_LIMITED" });
    await Promise.all(running.map((each) => each.return(undefined)));
    expect(await totalOf(store)).toMatchObject({ count: 2000 });
  });

  it("keeps nothing of a batch for which the disk has no room, and goes on once it has", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "metrics.db");
    {
      await using small = await SqliteMetricStore.open(path, { ...LIMITS, maxPages: 40 });
      await small.append(numbered("p", 1, [1, 2]));
      const large = numbered(
        "p",
        3,
        Array.from({ length: 20_000 }, () => 1),
        2,
      );
      const outcomes = await Promise.allSettled([
        small.append(large),
        small.append(numbered("p", 20_003, [1], 20_002)),
      ]);
      expect(outcomes.map((outcome) => outcome.status)).toEqual(["rejected", "rejected"]);
      expect(outcomes[0]).toMatchObject({ reason: { reason: "QUOTA_EXCEEDED" } });
      // What comes after it is not stored either: the producer would be taken to be beyond what is missing.
      await expect(small.append(numbered("p", 20_003, [1], 20_002))).rejects.toThrow("goes on after sequence 20002");
      expect((await small.append(numbered("p", 3, [3], 2))).committedSequence).toBe(3);
    }
    await using store = await SqliteMetricStore.open(path, LIMITS);
    expect(await totalOf(store)).toEqual({ count: 3, sum: 6 });
  });

  it("removes thousands of samples of a series bit by bit", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await SqliteMetricStore.open(join(folder.path, "metrics.db"), LIMITS);
    await store.append(many(25_000));
    expect(await store.sweep(24_999)).toBe(10_000);
    while ((await store.sweep(24_999)) > 0);
    expect(await totalOf(store)).toMatchObject({ count: 1 });
  });

  it("fails calls after its threads are gone, without hanging", async () => {
    await using folder = await openTemporaryFolder();
    const store = await SqliteMetricStore.open(join(folder.path, "metrics.db"), LIMITS);
    const storing = store.append(batch([{}]));
    await store[Symbol.asyncDispose]();
    expect([...(await storing).outcomes]).toEqual([0]);
    await expect(totalOf(store)).rejects.toMatchObject({ reason: "BACKEND_UNAVAILABLE" });
  });
});
