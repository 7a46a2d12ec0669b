import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { describe, expect, it } from "@jest/globals";

import { describeEventLog } from "../../ports/event-log.contract.js";
import { ALL, draft, idsOf, readAll } from "../../ports/event-log-drafts.contract.js";

import { SqliteEventLog } from "./sqlite-event-log.js";
import { openTemporaryFolder } from "./temporary-folder.js";

describeEventLog("sqlite", async () => {
  const folder = await openTemporaryFolder();
  return {
    persistent: true,
    open: (clock) => SqliteEventLog.open(join(folder.path, "events.db"), { clock }),
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

describe("SqliteEventLog", () => {
  const append = (log: SqliteEventLog, stream: string, ...ids: readonly string[]): Promise<unknown> =>
    log.append({ stream, events: ids.map((id) => draft(id)) });

  it("makes its files readable by this user only", async () => {
    await using folder = await openTemporaryFolder();
    await using log = await SqliteEventLog.open(join(folder.path, "events.db"));
    await append(log, "s", "a");
    for (const name of ["events.db", "events.db-wal", "events.db-shm"]) {
      expect((await stat(join(folder.path, name))).mode & 0o777).toBe(0o600);
    }
  });

  it("says why it cannot open a file that is no database", async () => {
    await using folder = await openTemporaryFolder();
    await writeFile(join(folder.path, "events.db"), "this is text, and longer than a header of SQLite".repeat(20));
    await expect(SqliteEventLog.open(join(folder.path, "events.db"))).rejects.toThrow(/not a database/);
  });

  it("refuses events that a newer version wrote", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "events.db");
    const newer = new DatabaseSync(path);
    newer.exec("PRAGMA user_version = 3");
    newer.close();
    await expect(SqliteEventLog.open(path)).rejects.toThrow("the events have format 3, this server reads up to 2");
  });

  it("goes on with events that the version before wrote, which did not note what it truncated", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "events.db");
    {
      await using log = await SqliteEventLog.open(path);
      for (let n = 1; n <= 600; n += 1) await log.append({ stream: `s${String(n % 3)}`, events: [draft(String(n))] });
      await log.truncate("s1", 100);
    }
    const before = new DatabaseSync(path);
    before.exec("DROP TABLE truncated; PRAGMA user_version = 1");
    before.close();
    await using log = await SqliteEventLog.open(path);
    const left = Array.from({ length: 600 }, (_, index) => index + 1).filter((n) => n % 3 !== 1 || n > 3 * 99);
    expect((await readAll(log)).map(({ sequence }) => sequence)).toEqual(left);
    await log.truncate("s2", 100);
    const later = left.filter((n) => n % 3 !== 2 || n > 3 * 99);
    expect((await readAll(log)).map(({ sequence }) => sequence)).toEqual(later);
  });

  it("stores all appends of a turn of the event loop in one transaction", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "events.db");
    await using log = await SqliteEventLog.open(path);
    await append(log, "s", "first");
    const before = await commitsIn(`${path}-wal`);
    await Promise.all(Array.from({ length: 64 }, (_, n) => append(log, `s${String(n % 5)}`, String(n))));
    expect(await commitsIn(`${path}-wal`)).toBe(before + 1);
  });

  it("lets 64 appenders who each wait for their appends share transactions", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "events.db");
    await using log = await SqliteEventLog.open(path);
    const appendAll = async (appender: number): Promise<void> => {
      for (let n = 0; n < 20; n += 1) await append(log, "s", `${String(appender)}/${String(n)}`);
    };
    await Promise.all(Array.from({ length: 64 }, (_, appender) => appendAll(appender)));
    expect((await log.streamRange("s")).lastRevision).toBe(64 * 20);
    expect(await commitsIn(`${path}-wal`)).toBeLessThan((64 * 20) / 8);
  });

  it("goes on while someone holds an old state of the database, and makes its write-ahead log small after that", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "events.db");
    await using log = await SqliteEventLog.open(path);
    await append(log, "s", "first");
    const appendMiB = async (count: number, name: string): Promise<void> => {
      const payload = new Uint8Array(1024 * 1024);
      const events = Array.from({ length: count }, (_, n) => ({ ...draft(`${name}${String(n)}`), payload }));
      for (const event of events) await log.append({ stream: "s", events: [event] });
    };
    const holder = new DatabaseSync(path, { readOnly: true });
    holder.exec("BEGIN; SELECT count(*) FROM events");
    await appendMiB(90, "held");
    expect((await stat(`${path}-wal`)).size).toBeGreaterThan(80 * 1024 * 1024);
    holder.close();
    await appendMiB(20, "free");
    expect((await stat(`${path}-wal`)).size).toBeLessThan(40 * 1024 * 1024);
    expect((await log.streamRange("s")).lastRevision).toBe(111);
  });

  it("reads streams and types by their beginnings, however many there are", async () => {
    await using folder = await openTemporaryFolder();
    await using log = await SqliteEventLog.open(join(folder.path, "events.db"));
    const many = Array.from({ length: 300 }, (_, n) => String(n).padStart(3, "0"));
    await Promise.all(many.map((n) => log.append({ stream: `room.${n}`, events: [draft(n, { type: `chat.${n}` })] })));
    await log.append({ stream: "other", events: [draft("other", { type: "else" })] });
    expect(idsOf(await readAll(log, { streams: ["room.*"], maxEvents: 7 }))).toEqual(many);
    expect(idsOf(await readAll(log, { types: ["chat.*"], backwards: true }))).toEqual(many.toReversed());
    expect(idsOf(await readAll(log, { streams: ["room.*"], types: ["chat.1*", "else"] }))).toEqual(
      many.slice(100, 200),
    );
    expect(idsOf(await readAll(log, { streams: ["room.00*", "other"], types: ["chat.*"] }))).toEqual(many.slice(0, 10));
  });

  it("finds ids again that were never in order", async () => {
    await using folder = await openTemporaryFolder();
    await using log = await SqliteEventLog.open(join(folder.path, "events.db"));
    const ids = Array.from({ length: 2000 }, (_, n) => String((n * 7919) % 2003));
    await Promise.all(ids.map((id) => append(log, "s", id)));
    const again = await log.append({ stream: "s", events: ids.slice(500, 1000).map((id) => draft(id)) });
    expect(again.events.every(({ duplicate }) => duplicate)).toBe(true);
    expect(again.events[0]).toMatchObject({ revision: 501 });
  });

  it("does not mix up the events of a page that it has given out with those of the next", async () => {
    await using folder = await openTemporaryFolder();
    await using log = await SqliteEventLog.open(join(folder.path, "events.db"));
    await Promise.all(Array.from({ length: 50 }, (_, n) => append(log, "s", String(n))));
    const first = await log.read({ ...ALL, maxEvents: 20 });
    const copy = structuredClone(first.events);
    await readAll(log, { after: 20 });
    expect(first.events).toEqual(copy);
  });
});
