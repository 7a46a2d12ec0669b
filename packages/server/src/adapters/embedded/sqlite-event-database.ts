/** The database of a SqliteEventLog. Runs in its workers: imports only node: modules and what does so too. */
import { randomUUID } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";

import { EventTruncations } from "./sqlite-event-truncations.js";
import { type DatabaseFormat, openDatabaseForReading, openDatabaseForWriting } from "./sqlite-database.js";

const SCHEMA_VERSION = 2;

/**
 * Types and streams are not indexed event by event, which would touch a page for each of them in every
 * commit, but by blocks of 256 sequences in which they occur at all. Ids of streams whose name begins with `$`
 * are negative; their events are not in `type_blocks`. Keys are NULL where there is none.
 */
/** Which sequences of a block were truncated, a bit for each: one that is missing without it is lost. */
const TRUNCATED = "CREATE TABLE truncated (block INTEGER PRIMARY KEY, flags BLOB NOT NULL) STRICT;";

const SCHEMA = `${TRUNCATED}
  CREATE TABLE log (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    last_stored_at_ms INTEGER NOT NULL,
    kept_events INTEGER NOT NULL,
    kept_bytes INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE streams (
    stream_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    first_revision INTEGER NOT NULL,
    last_revision INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE types (type_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    stream_id INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    type_id INTEGER NOT NULL,
    append_start INTEGER NOT NULL,
    append_end INTEGER NOT NULL,
    stored_at_ms INTEGER NOT NULL,
    id TEXT NOT NULL,
    key TEXT,
    tombstone INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    head BLOB NOT NULL,
    payload BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX events_by_id ON events (id, stream_id);
  CREATE INDEX events_by_key ON events (stream_id, key) WHERE key IS NOT NULL;
  CREATE TABLE stream_blocks (stream_id INTEGER, block INTEGER, PRIMARY KEY (stream_id, block)) STRICT, WITHOUT ROWID;
  CREATE TABLE type_blocks (type_id INTEGER, block INTEGER, PRIMARY KEY (type_id, block)) STRICT, WITHOUT ROWID;`;

const FORMAT: DatabaseFormat = {
  holds: "events",
  version: SCHEMA_VERSION,
  make: (database) => {
    database.exec(SCHEMA);
    database.prepare("INSERT INTO log VALUES (1, ?, 1, 0, 0, 0, 0)").run(randomUUID());
  },
  upgrade: (database) => {
    database.exec(TRUNCATED);
    noteAllTruncated(database);
  },
};

/** Takes all that is missing for truncated: version 1 did not note it. */
function noteAllTruncated(database: DatabaseSync): void {
  const truncated = new EventTruncations(database);
  const { first = 1 } = database.prepare("SELECT first_sequence AS first FROM log").get() ?? {};
  let next = Number(first);
  for (const row of database
    .prepare("SELECT sequence FROM events WHERE sequence >= ? ORDER BY sequence")
    .iterate(next)) {
    const sequence = Number(row["sequence"]);
    truncated.addAll(next, sequence - 1);
    next = sequence + 1;
  }
}

/** Memory for pages, in KiB: of the thread that writes, and of the one that reads. */
const WRITER_CACHE_KIB = 65536;
const READER_CACHE_KIB = 16384;

/**
 * Opens the database at `path` for writing and makes its tables if there are none.
 *
 * @throws Error if it is not a database or was written by a newer version
 */
export function openForWriting(path: string, maxPages: number | undefined): DatabaseSync {
  return openDatabaseForWriting(path, FORMAT, { cacheKib: WRITER_CACHE_KIB, maxPages });
}

/** Opens the database at `path`, which someone holds open for writing, for reading beside that. */
export function openForReading(path: string): DatabaseSync {
  return openDatabaseForReading(path, READER_CACHE_KIB);
}
