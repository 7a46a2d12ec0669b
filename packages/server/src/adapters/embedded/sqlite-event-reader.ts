/** How a SqliteEventLog reads. Imports only node: modules and what does so too. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import { PositionCompacted, type ReadOptions } from "../../ports/event-log.js";
import { readsSystemOnly } from "../../ports/event-log-patterns.js";

import { LogEnds } from "./sqlite-event-ends.js";
import { failureOf } from "./sqlite-event-failure.js";
import { EventGaps } from "./sqlite-event-gaps.js";
import type { KeyedPlace, ReadResults } from "./sqlite-event-protocol.js";
import { RecordWriter } from "./sqlite-event-record-writer.js";
import { addRow, type EventRow, NamesByNumber, prepareRow } from "./sqlite-event-row.js";
import { EventRun } from "./sqlite-event-run.js";
import { EventScan } from "./sqlite-event-scan.js";
import { type Condition, selectionOf } from "./sqlite-event-selection.js";
import { eventSource } from "./sqlite-event-source.js";

/** What one read looks at and returns, at most but for the rest of an append: bounds how long others wait. */
const MAX_LOOKED_AT = 20_000;
const MAX_EVENTS = 5_000;
const MAX_BYTES = 8 * 1024 * 1024;

/** Only the newest event of a key is left by this, unless it is a tombstone. */
const NEWEST_OF_KEY = `
  AND e.key IS NOT NULL AND e.tombstone = 0 AND NOT EXISTS (
    SELECT 1 FROM events AS newer INDEXED BY events_by_key
    WHERE newer.stream_id = e.stream_id AND newer.key = e.key AND newer.sequence > e.sequence AND newer.sequence <= ?
  )`;

/** Statements that are kept, at most. Few differ: conditions list at most 64 types and streams, by number. */
const MAX_PREPARED = 64;

/** Those of the server, too. */
const ALL_EVENTS: Condition = { sql: "TRUE", values: [] };

type BoundedRead = ReadOptions & { readonly until: number };

/** Answers questions about what is stored, within read transactions of the caller. */
export class EventReader {
  readonly #database: DatabaseSync;
  readonly #rowOf: (sequence: number) => EventRow;
  readonly #names: NamesByNumber;
  readonly #ends: LogEnds;
  readonly #gaps: EventGaps;
  /** Size of an event, as the last read has found it. */
  #eventBytes = 512;
  /** By their text. */
  readonly #prepared = new Map<string, StatementSync>();
  readonly #statements: Readonly<Record<"find" | "previous" | "from" | "streamRange", StatementSync>>;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = {
      find: database.prepare(
        `SELECT sequence FROM events INDEXED BY events_by_id
         WHERE id = ? AND stream_id = (SELECT stream_id FROM streams WHERE name = ?)`,
      ),
      previous: database.prepare(
        `SELECT sequence FROM events INDEXED BY events_by_key
         WHERE stream_id = (SELECT stream_id FROM streams WHERE name = ?) AND key = ? AND sequence < ?
         ORDER BY sequence DESC LIMIT 1`,
      ),
      from: database.prepare(
        "SELECT sequence, stored_at_ms AS storedAtMs FROM events WHERE sequence >= ? ORDER BY sequence LIMIT 1",
      ),
      streamRange: database.prepare(
        "SELECT first_revision AS firstRevision, last_revision AS lastRevision FROM streams WHERE name = ?",
      ),
    };
    this.#rowOf = prepareRow(database);
    this.#names = new NamesByNumber(database, { keeps: true });
    this.#ends = new LogEnds(database);
    this.#gaps = new EventGaps(database, this.#ends);
  }

  read(options: ReadOptions): ReadResults["read"] {
    const ends = this.#ends.get();
    const { after, backwards = false } = options;
    const until = Math.min(options.until ?? ends.last, ends.last);
    if (until === ends.last) this.#ends.checkLast(ends);
    if (after < ends.first - 1 && !readsSystemOnly(options)) {
      this.#ends.checkFirst(ends);
      throw new PositionCompacted(after, ends.first);
    }
    const limits = {
      maxEvents: Math.min(options.maxEvents, MAX_EVENTS),
      maxBytes: Math.min(options.maxBytes, MAX_BYTES),
    };
    const run = new EventRun(limits, backwards ? -1 : 1, backwards ? until + 1 : after, this.#names);
    const exhausted = this.#fill(run, { ...options, until });
    if (exhausted) run.end(backwards ? Math.min(after, until) + 1 : Math.max(after, until));
    return { ...run.finish(), scannedTo: run.scannedTo, exhausted };
  }

  find(stream: string, id: string): ReadResults["find"] {
    const records = new RecordWriter(64 * 1024);
    const found = this.#statements.find.get(id, stream);
    if (found !== undefined) addRow(records, this.#rowOf(Number(found["sequence"])), this.#names);
    return { records: records.finish() };
  }

  previous(events: readonly KeyedPlace[]): ReadResults["previous"] {
    const records = new RecordWriter(64 * 1024);
    const indexes = events.flatMap(({ stream, key, sequence }, index) => {
      const found = this.#statements.previous.get(stream, key, sequence);
      if (found === undefined) return [];
      addRow(records, this.#rowOf(Number(found["sequence"])), this.#names);
      return [index];
    });
    return { indexes, records: records.finish() };
  }

  sequenceAt(timeMs: number): number {
    const { first, last } = this.#ends.get();
    let [low, high] = [first, last + 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const event = this.#statements.from.get(middle);
      if (event === undefined || Number(event["storedAtMs"]) >= timeMs) high = middle;
      else low = Number(event["sequence"]) + 1;
    }
    return Number(this.#statements.from.get(low)?.["sequence"] ?? low);
  }

  streamRange(stream: string): ReadResults["streamRange"] {
    const row = this.#statements.streamRange.get(stream) as ReadResults["streamRange"] | undefined;
    return row ?? { firstRevision: 0, lastRevision: 0 };
  }

  /** Puts events into `run` while it takes them; whether that was all. */
  #fill(run: EventRun, options: BoundedRead): boolean {
    const { after, until, backwards = false } = options;
    const selection = selectionOf(this.#database, options);
    const isAll = selection.isAll && options.newestOfKey !== true;
    const found = isAll ? ALL_EVENTS : conditionOf(selection, options);
    const source = eventSource((sql) => this.#prepare(sql), { ...found, backwards, leavesInternal: isAll });
    const gaps = isAll ? this.#gaps : undefined;
    const scan = new EventScan({ source, run, backwards, gaps, eventBytes: this.#eventBytes });
    let lookedAt = 0;
    try {
      for (const window of selection.windows({ low: after + 1, high: until }, backwards)) {
        if (lookedAt >= MAX_LOOKED_AT && !run.isWithinAppend) return false;
        if (!scan.take(window)) return false;
        run.passed(backwards ? window.low : window.high);
        lookedAt += Math.max(1, window.high - window.low + 1);
      }
      return true;
    } catch (error) {
      if (run.isEmpty || failureOf(error).kind !== "damaged") throw error;
      return false; // what comes before the damage is good
    } finally {
      this.#eventBytes = run.eventBytes(this.#eventBytes);
    }
  }

  #prepare(sql: string): StatementSync {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    statement.setReturnArrays(true);
    if (this.#prepared.size >= MAX_PREPARED) this.#prepared.clear();
    this.#prepared.set(sql, statement);
    return statement;
  }
}

function conditionOf({ sql, values }: Condition, { newestOfKey = false, until }: BoundedRead): Condition {
  return newestOfKey ? { sql: `${sql} ${NEWEST_OF_KEY}`, values: [...values, until] } : { sql, values };
}
