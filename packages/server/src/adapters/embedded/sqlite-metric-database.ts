/** The database of a SqliteMetricStore. Runs in its workers: imports only node: modules and what does so too. */
import type { DatabaseSync } from "node:sqlite";

import { type DatabaseFormat, openDatabaseForReading, openDatabaseForWriting } from "./sqlite-database.js";
import { METRIC_FORMAT } from "./sqlite-metric-format.js";

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

const FORMAT: DatabaseFormat = { ...METRIC_FORMAT, make: (database) => database.exec(SCHEMA) };

/** Memory for pages, in KiB: of the thread that writes, and of the one that reads. */
const WRITER_CACHE_KIB = 32768;
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
