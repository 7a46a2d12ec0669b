/** The database of a SqliteItemStore. Runs in its workers: imports only node: modules and what does so too. */
import type { DatabaseSync } from "node:sqlite";

import { type DatabaseFormat, openDatabaseForReading, openDatabaseForWriting } from "./sqlite-database.js";

const SCHEMA_VERSION = 1;

/**
 * What a row said at a version is written once, to the end of `versions`, and not touched again until it is removed:
 * `current` and `replaced`, which are small, say which version counts when. A replaced version was current up to the
 * one before `valid_to`. Tombstones are current, too, until they are replaced or removed. `record` is a row as
 * sqlite-item-record.ts has it, up to its data.
 *
 * A dropped collection is gone at once; its rows are removed bit by bit.
 */
const SCHEMA = `
  CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    snapshots_from INTEGER NOT NULL
  ) STRICT;
  INSERT INTO store VALUES (1, 0, 0, 0);
  CREATE TABLE collections (
    collection_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    dropped INTEGER NOT NULL DEFAULT 0,
    rows INTEGER NOT NULL DEFAULT 0,
    data_bytes INTEGER NOT NULL DEFAULT 0,
    tombstones INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 0,
    next_id INTEGER NOT NULL DEFAULT 1,
    changes_from INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX collections_by_name ON collections (name) WHERE dropped = 0;
  CREATE INDEX collections_dropped ON collections (name) WHERE dropped = 1;
  CREATE INDEX collections_with_tombstones ON collections (name) WHERE dropped = 0 AND tombstones > 0;
  CREATE TABLE versions (
    version INTEGER PRIMARY KEY,
    updated_at_ms INTEGER NOT NULL,
    record BLOB NOT NULL,
    data BLOB NOT NULL
  ) STRICT;
  CREATE TABLE current (
    collection_id INTEGER,
    key BLOB,
    version INTEGER NOT NULL,
    id INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    data_bytes INTEGER NOT NULL,
    PRIMARY KEY (collection_id, key)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX current_by_id ON current (collection_id, id) WHERE deleted = 0;
  CREATE UNIQUE INDEX current_by_version ON current (collection_id, version);
  CREATE INDEX current_tombstones ON current (collection_id, version) WHERE deleted = 1;
  CREATE TABLE replaced (
    valid_to INTEGER PRIMARY KEY,
    collection_id INTEGER NOT NULL,
    key BLOB NOT NULL,
    version INTEGER NOT NULL,
    id INTEGER NOT NULL,
    replaced_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX replaced_by_key ON replaced (collection_id, key, valid_to, version, id);
  CREATE INDEX replaced_by_id ON replaced (collection_id, id, valid_to, version);`;

const FORMAT: DatabaseFormat = { holds: "items", version: SCHEMA_VERSION, make: (database) => database.exec(SCHEMA) };

/** Memory for pages, in KiB: of the thread that writes, and of the one that reads. */
const WRITER_CACHE_KIB = 16384;
const READER_CACHE_KIB = 8192;

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
