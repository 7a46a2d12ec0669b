import { copyFile, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { LogEvent } from "../../ports/event-log.js";
import { ALL, draft, readAll } from "../../ports/event-log-drafts.contract.js";

import { SqliteEventLog } from "./sqlite-event-log.js";
import { openTemporaryFolder } from "./temporary-folder.js";

/** Makes a log with events of all sizes; what is in it. */
async function fillLog(path: string, prefixes: readonly string[] = [""]): Promise<readonly LogEvent[]> {
  await using log = await SqliteEventLog.open(path);
  for (let n = 0; n < 60; n += 1) {
    const [type, key, payload] = [
      `type ${String(n % 3)}`,
      `key ${String(n % 4)}`,
      "x".repeat(n % 10 === 0 ? 9000 : 200),
    ];
    const stream = `${prefixes[n % prefixes.length] ?? ""}stream ${String(n % 5)}`;
    await log.append({ stream, events: [draft(String(n), { type, key, payload })] });
  }
  return await readAll(log);
}

async function flipBit(path: string, at: number, bit: number): Promise<void> {
  await using file = await open(path, "r+");
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
  await file.write(Buffer.of(buffer.readUInt8() ^ (1 << bit)), 0, 1, at);
}

/** Changes the database at `path` as a bit would, but wherever it is in the file. */
function damage(path: string, ...statements: readonly string[]): void {
  const database = new DatabaseSync(path);
  for (const statement of statements) database.exec(statement);
  database.close();
}

describe("a database in which a bit has changed", () => {
  it.each([
    {
      name: "",
      flips: [
        { at: 64_674, bit: 0 },
        { at: 28_656, bit: 5 },
        { at: 8_137, bit: 3 },
      ],
      prefixes: [""],
    },
    { name: ", beside those of the server", flips: [], prefixes: ["", "$", ""] },
  ])(
    "gives out no event that is not as it was stored, but all that it does not refuse as damaged$name",
    async ({ flips, prefixes }) => {
      await using folder = await openTemporaryFolder();
      const [good, bad] = [join(folder.path, "good.db"), join(folder.path, "bad.db")];
      const stored = await fillLog(good, prefixes);
      const places = fc.record({ at: fc.nat({ max: (await stat(good)).size - 1 }), bit: fc.nat({ max: 7 }) });
      let refused = 0;
      await fc.assert(
        fc.asyncProperty(places, async ({ at, bit }) => {
          await copyFile(good, bad);
          await flipBit(bad, at, bit);
          await using log = await SqliteEventLog.open(bad).catch(() => undefined);
          if (log === undefined) return;
          for (const event of stored) {
            const read = log.read({ ...ALL, after: event.sequence - 1, until: event.sequence });
            const found = await read.catch((error: unknown) => error);
            if (found instanceof Error) expect(found).toMatchObject({ reason: "CORRUPT_DATA" });
            else expect(found).toMatchObject({ events: [event] });
            if (found instanceof Error) refused += 1;
          }
        }),
        { numRuns: 20, examples: flips.map((flip) => [flip]) },
      );
      expect(refused).toBeGreaterThan(0);
    },
    60_000,
  );

  it("gives out what comes before the damage, then says where that is, and goes on behind it", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "events.db");
    const stored = await fillLog(path);
    const database = new DatabaseSync(path);
    database.exec("UPDATE events SET payload = x'00' WHERE sequence = 31");
    database.close();
    await using log = await SqliteEventLog.open(path);
    expect(await log.read(ALL)).toEqual({ events: stored.slice(0, 30), scannedTo: 30, exhausted: false });
    const refused = log.read({ ...ALL, after: 30 });
    await expect(refused).rejects.toMatchObject({ reason: "CORRUPT_DATA", message: /event 31 is damaged/ });
    expect((await log.read({ ...ALL, after: 31 })).events).toEqual(stored.slice(31));
    const retry = log.append({ stream: stored[30]?.stream ?? "", events: [draft("30", { type: "type 0" })] });
    await expect(retry).rejects.toMatchObject({ reason: "CORRUPT_DATA" });
    await log.append({ stream: "other", events: [draft("30")] });
  });

  it.each([
    ["has another sequence", "UPDATE events SET sequence = 0 WHERE sequence = 31"],
    ["has a sequence behind all others", "UPDATE events SET sequence = 1055 WHERE sequence = 31"],
    ["is lost", "DELETE FROM events WHERE sequence = 31"],
    ["has the number of no stream", "UPDATE events SET stream_id = 0 WHERE sequence = 31"],
    ["has the number of another stream", "UPDATE events SET stream_id = stream_id + 2 WHERE sequence = 31"],
  ])("does not hide an event that %s", async (_, statement) => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "events.db");
    const stored = await fillLog(path);
    damage(path, statement);
    await using log = await SqliteEventLog.open(path);
    const refused = { reason: "CORRUPT_DATA", message: expect.stringContaining("event 31 is damaged") };
    expect(await log.read(ALL)).toMatchObject({ events: stored.slice(0, 30), scannedTo: 30, exhausted: false });
    await expect(log.read({ ...ALL, after: 30 })).rejects.toMatchObject(refused);
    await expect(log.read({ ...ALL, after: 30, until: 31 })).rejects.toMatchObject(refused);
    await expect(log.read({ ...ALL, until: 31, backwards: true })).rejects.toMatchObject(refused);
    expect((await log.read({ ...ALL, after: 31, backwards: true })).events).toEqual(stored.slice(31).toReversed());
    expect((await log.read({ ...ALL, after: 31 })).events).toEqual(stored.slice(31));
  });

  it("lets nobody take a truncated event for a lost one, nor a lost one for a truncated one", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "events.db");
    const append = (log: SqliteEventLog, n: number): Promise<unknown> =>
      log.append({ stream: `stream ${String(n % 5)}`, events: [draft(String(n))] });
    {
      await using log = await SqliteEventLog.open(path);
      for (let n = 1; n <= 900; n += 1) await append(log, n);
      await log.truncate("stream 2", 100);
      await log.truncate("stream 3", 1000);
    }
    const isLeft = (n: number): boolean => (n % 5 === 2 ? n >= 5 * 99 + 2 : n % 5 !== 3 || n === 898);
    const left = Array.from({ length: 900 }, (_, index) => index + 1).filter(isLeft);
    {
      await using log = await SqliteEventLog.open(path);
      const all = await readAll(log, { maxEvents: 50 });
      expect(all.map(({ sequence }) => sequence)).toEqual(left);
      const backwards = await readAll(log, { maxEvents: 50, backwards: true });
      expect(backwards.map(({ sequence }) => sequence)).toEqual(left.toReversed());
    }
    damage(path, "DELETE FROM events WHERE sequence = 600");
    await using log = await SqliteEventLog.open(path);
    const { events } = await log.read(ALL);
    expect(events.map(({ sequence }) => sequence)).toEqual(left.filter((n) => n < 600));
    await expect(log.read({ ...ALL, after: 599, until: 600 })).rejects.toMatchObject({ reason: "CORRUPT_DATA" });
  });

  it("is not opened if it says that it begins behind its beginning, or ends before its end", async () => {
    await using folder = await openTemporaryFolder();
    const path = join(folder.path, "events.db");
    await fillLog(path);
    damage(path, "UPDATE log SET first_sequence = 33");
    await expect(SqliteEventLog.open(path)).rejects.toThrow(/it has events before 33/);
    damage(path, "UPDATE log SET first_sequence = 1, last_sequence = 28");
    await expect(SqliteEventLog.open(path)).rejects.toThrow(/it has events behind 28/);
  });
});
