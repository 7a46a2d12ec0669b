/** The database of a SqliteEventLog. Runs in its workers: imports only node: modules and what does so too. */
import { randomUUID } from "node:crypto";
import { DatabaseSync } from "node:sqlite";

const SCHEMA_VERSION = 1;

/**
 * Types and streams are not indexed event by event, which would touch a page for each of them in every
 * commit, but by blocks of 256 sequences in which they occur at all. Ids of streams whose name begins with `$`
 * are negative; their events are not in `type_blocks`. Keys are NULL where there is none.
 */
const SCHEMA = `
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

/** Sequences in a block. */
export const EVENTS_PER_BLOCK = 256;

/** The block that a sequence is in. */
export function blockOf(sequence: number): number {
  return Math.floor(sequence / EVENTS_PER_BLOCK);
}

/** First and last sequence of a block. */
export function boundsOf(block: number): { readonly low: number; readonly high: number } {
  return { low: block * EVENTS_PER_BLOCK, high: (block + 1) * EVENTS_PER_BLOCK - 1 };
}

/** Pages that a commit may leave in the write-ahead log before they are moved to the database: 8 MiB. */
const CHECKPOINT_PAGES = 2048;

/** Size of the write-ahead log that is kept for the next commits when it begins anew, in bytes. */
const WAL_KEPT_BYTES = 16 * 1024 * 1024;

/** How long a checkpoint waits for readers, many times longer than a read takes, in milliseconds: appends wait meanwhile. */
const WRITER_PATIENCE_MS = 1000;

/** How long a read waits for a checkpoint to end, in milliseconds. */
const READER_PATIENCE_MS = 5000;

/**
 * Opens the database at `path` for writing and makes its tables if there are none.
 *
 * @throws Error if it is not a database or was written by a newer version
 */
export function openForWriting(path: string, maxPages: number | undefined): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: WRITER_PATIENCE_MS, allowExtension: false });
  database.exec(
    `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`,
  );
  database.exec(`PRAGMA cache_size = -65536; PRAGMA journal_size_limit = ${WAL_KEPT_BYTES}`);
  database.exec("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
  if (maxPages !== undefined) database.exec(`PRAGMA max_page_count = ${maxPages}`);
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version > SCHEMA_VERSION) {
    throw new Error(`the events have format ${String(version)}, this server reads up to ${String(SCHEMA_VERSION)}`);
  }
  if (version === 0) makeTables(database);
  return database;
}

/** Opens the database at `path`, which someone holds open for writing, for reading beside that. */
export function openForReading(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: READER_PATIENCE_MS, readOnly: true, allowExtension: false });
  database.exec("PRAGMA cache_size = -16384; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
  return database;
}

function makeTables(database: DatabaseSync): void {
  database.exec(`BEGIN IMMEDIATE; ${SCHEMA}`);
  database.prepare("INSERT INTO log VALUES (1, ?, 1, 0, 0, 0, 0)").run(randomUUID());
  database.exec(`PRAGMA user_version = ${String(SCHEMA_VERSION)}; COMMIT`);
}
