import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";

import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { Append, LogEvent } from "../../ports/event-log.js";
import { ALL, draft } from "../../ports/event-log-drafts.contract.js";

import { openForReading } from "./sqlite-event-database.js";
import { LogEnds } from "./sqlite-event-ends.js";
import { EventGaps } from "./sqlite-event-gaps.js";
import { SqliteEventLog } from "./sqlite-event-log.js";
import { readRecords } from "./sqlite-event-record.js";
import { NamesByNumber } from "./sqlite-event-row.js";
import { EventRun } from "./sqlite-event-run.js";
import { EventScan } from "./sqlite-event-scan.js";
import { eventSource } from "./sqlite-event-source.js";
import { openTemporaryFolder } from "./temporary-folder.js";

/** What a scan gave, and how it got that. */
interface Scanned {
  readonly events: readonly LogEvent[];
  readonly scannedTo: number;
  readonly isAll: boolean;
  /** Windows that were fetched row by row. */
  readonly byRow: number;
}

interface ScanLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly backwards: boolean;
}

/** Opens the database of a log that was filled with `appends`. */
async function openFilled(appends: readonly Append[]): Promise<AsyncDisposable & { readonly database: DatabaseSync }> {
  const folder = await openTemporaryFolder();
  const path = join(folder.path, "events.db");
  await using log = await SqliteEventLog.open(path);
  for (const append of appends) await log.append(append);
  const database = openForReading(path);
  return {
    database,
    async [Symbol.asyncDispose]() {
      database.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Scans all that is not of the server; row by row if `packs` is not set. */
function scanAll(database: DatabaseSync, { backwards, ...limits }: ScanLimits, packs: boolean): Scanned {
  const ends = new LogEnds(database);
  const { last } = ends.get();
  const query = { sql: "TRUE", values: [], backwards, leavesInternal: true };
  const prepare = (sql: string): ReturnType<DatabaseSync["prepare"]> => {
    const statement = database.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  };
  const found = eventSource(prepare, query);
  let byRow = 0;
  const run = new EventRun(
    limits,
    backwards ? -1 : 1,
    backwards ? last + 1 : 0,
    new NamesByNumber(database, { keeps: true }),
  );
  const scan = new EventScan({
    run,
    backwards,
    gaps: new EventGaps(database, ends),
    eventBytes: 100,
    source: {
      rows: (...window) => {
        byRow += 1;
        return found.rows(...window);
      },
      packed: (...window) => (packs ? found.packed(...window) : [1, null]),
    },
  });
  const isAll = scan.take({ low: 1, high: last });
  const { records, recordsBytes } = run.finish();
  const events = readRecords(records, recordsBytes).map((record) => record.event());
  return { events, scannedTo: run.scannedTo, isAll, byRow };
}

const drafts = fc.record({
  type: fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
  key: fc.string({ unit: "grapheme", maxLength: 5 }),
  tombstone: fc.boolean(),
  head: fc.uint8Array({ maxLength: 40 }),
  payload: fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: 4000, maxLength: 6000 })),
});
const appends = fc.array(
  fc.record({
    stream: fc.constantFrom("a", "ü/😀", "$room"),
    events: fc.array(drafts, { minLength: 1, maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 30 },
);
const limits = fc.record({
  maxEvents: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(1000)),
  maxBytes: fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.constant(1e9)),
  backwards: fc.boolean(),
});

describe("a scan of stored events", () => {
  it("finds many at a time exactly what it finds row by row", async () => {
    await fc.assert(
      fc.asyncProperty(appends, fc.array(limits, { minLength: 5, maxLength: 5 }), async (wanted, reads) => {
        let ids = 0;
        const withIds = wanted.map(({ stream, events }) => ({
          stream,
          events: events.map((event) => ({ ...event, id: `ïd ${String((ids += 1))}` })),
        }));
        await using filled = await openFilled(withIds);
        for (const read of reads) {
          const { byRow: _, ...packed } = scanAll(filled.database, read, true);
          const { byRow, ...rows } = scanAll(filled.database, read, false);
          expect(packed).toEqual(rows);
          expect(byRow).toBeGreaterThan(0);
        }
      }),
      { numRuns: 20 },
    );
  }, 60_000);

  it("fetches only what is large by itself", async () => {
    const sizes = Array.from({ length: 200 }, (_, n) => (n % 50 === 7 ? 500_000 : 100));
    const events = sizes.map((bytes, n) => draft(String(n), { payload: "x".repeat(bytes) }));
    await using filled = await openFilled(events.map((event) => ({ stream: "s", events: [event] })));
    for (const backwards of [false, true]) {
      const scanned = scanAll(filled.database, { maxEvents: 1000, maxBytes: 3_000_000, backwards }, true);
      const expected = backwards ? events.toReversed() : events;
      expect(scanned.events.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
      expect(scanned.byRow).toBeLessThanOrEqual(4);
    }
  });

  it("fetches small ones together, also after what cannot be packed", async () => {
    const events = Array.from({ length: 300 }, (_, n) => ({ stream: "s", events: [draft(String(n))] }));
    await using filled = await openFilled(events);
    const all = { ...ALL, backwards: false };
    expect(scanAll(filled.database, all, true)).toMatchObject({ isAll: true, byRow: 0 });
  });
});
