/** The database of a SqliteMetricStore. Runs in its workers: imports only node: modules and what does so too. */
import { DatabaseSync } from "node:sqlite";

import { checkSchemaVersion, METRIC_SCHEMA_VERSION } from "./sqlite-metric-format.js";

/**
 * `series`: a metric's name and its labels (a JSON object of texts), the kind (a number of the contract's MetricKind)
 * and the unit that its newest sample named. `samples`: number of the series, moment in milliseconds since 1970, value,
 * and how many samples it stands for; a distribution has its mean as value, its count as weight, and a sketch, which
 * packDistribution has packed.
 *
 * Samples are written twice: to `arrivals` as they come, at the end of one table, and from there, many at a time, to
 * `settled`, which is in order of series and time. Written there at once, a thousand samples of a thousand series
 * would change a thousand pages (measured: 17,000 samples per second in place of 430,000). `number` is the order in
 * which samples came.
 */
const SCHEMA = `
  CREATE TABLE series (
    series_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    kind INTEGER NOT NULL,
    unit TEXT NOT NULL,
    UNIQUE (name, labels)
  ) STRICT;
  CREATE INDEX series_by_name ON series (name);
  CREATE TABLE arrivals (
    number INTEGER PRIMARY KEY,
    series_id INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    value REAL NOT NULL,
    weight REAL NOT NULL,
    sketch BLOB
  ) STRICT;
  CREATE TABLE settled (
    series_id INTEGER,
    time_ms INTEGER,
    number INTEGER,
    value REAL NOT NULL,
    weight REAL NOT NULL,
    sketch BLOB,
    PRIMARY KEY (series_id, time_ms, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE progress (one INTEGER PRIMARY KEY CHECK (one = 1), settled_to INTEGER NOT NULL) STRICT;
  INSERT INTO progress VALUES (1, 0);
  CREATE VIEW samples AS
    SELECT series_id, time_ms, value, weight, sketch FROM settled
    UNION ALL SELECT series_id, time_ms, value, weight, sketch FROM arrivals;
  CREATE TABLE producers (
    producer_id TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    heard_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX producers_by_time ON producers (heard_at_ms);`;

/** Pages that a commit may leave in the write-ahead log before they are moved to the database: 8 MiB. */
const CHECKPOINT_PAGES = 2048;

/** Size of the write-ahead log that is kept for the next commits when it begins anew, in bytes. */
const WAL_KEPT_BYTES = 16 * 1024 * 1024;

/** How long a checkpoint waits for readers, many times longer than a read takes, in milliseconds: commits wait meanwhile. */
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
  database.exec(`PRAGMA cache_size = -32768; PRAGMA journal_size_limit = ${WAL_KEPT_BYTES}`);
  database.exec("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
  if (maxPages !== undefined) database.exec(`PRAGMA max_page_count = ${maxPages}`);
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  checkSchemaVersion(version);
  if (version === 0) {
    database.exec(`BEGIN IMMEDIATE; ${SCHEMA}; PRAGMA user_version = ${String(METRIC_SCHEMA_VERSION)}; COMMIT`);
  }
  return database;
}

/** Opens the database at `path`, which someone holds open for writing, for reading beside that. */
export function openForReading(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: READER_PATIENCE_MS, readOnly: true, allowExtension: false });
  database.exec("PRAGMA cache_size = -16384; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
  return database;
}
