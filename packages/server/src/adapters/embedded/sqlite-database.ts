/** How the databases that have a writing and a reading thread are opened. Runs there: imports only node: modules and what does so too. */
import { DatabaseSync } from "node:sqlite";

import { checkFormatVersion, type FormatVersion } from "./sqlite-format.js";

/** What is stored in a database, and how it begins. */
export interface DatabaseFormat extends FormatVersion {
  /** Makes what there must be, within a transaction. */
  readonly make: (database: DatabaseSync) => void;
  /** Makes that of what the version before has left, within a transaction. */
  readonly upgrade?: (database: DatabaseSync) => void;
}

/** Pages that a commit may leave in the write-ahead log before they are moved to the database: 8 MiB. */
const CHECKPOINT_PAGES = 2048;

/** Size of the write-ahead log that is kept for the next commits when it begins anew, in bytes. */
const WAL_KEPT_BYTES = 16 * 1024 * 1024;

/** How long a checkpoint waits for readers, many times longer than a read takes, in milliseconds: commits wait meanwhile. */
const WRITER_PATIENCE_MS = 1000;

/** How long a read waits for a checkpoint to end, in milliseconds. */
const READER_PATIENCE_MS = 5000;

export interface WritingOptions {
  /** Memory for pages, in KiB. */
  readonly cacheKib: number;
  /** Size of the database, in pages of 4 KiB, from which on the disk counts as full. `undefined`: none. */
  readonly maxPages: number | undefined;
}

/**
 * Opens the database at `path` for writing, with commits that are durable, and makes its tables if there are none.
 *
 * @throws Error if it is not a database or was written by a newer version
 */
export function openDatabaseForWriting(
  path: string,
  format: DatabaseFormat,
  { cacheKib, maxPages }: WritingOptions,
): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: WRITER_PATIENCE_MS, allowExtension: false });
  database.exec(
    `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${String(CHECKPOINT_PAGES)}`,
  );
  database.exec(`PRAGMA cache_size = -${String(cacheKib)}; PRAGMA journal_size_limit = ${String(WAL_KEPT_BYTES)}`);
  database.exec("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
  if (maxPages !== undefined) database.exec(`PRAGMA max_page_count = ${String(maxPages)}`);
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  checkFormatVersion(version, format);
  if (version < format.version) migrate(database, version, format);
  return database;
}

/** Opens the database at `path`, which someone holds open for writing, for reading beside that. */
export function openDatabaseForReading(path: string, cacheKib: number): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: READER_PATIENCE_MS, readOnly: true, allowExtension: false });
  database.exec(`PRAGMA cache_size = -${String(cacheKib)}; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON`);
  return database;
}

function migrate(database: DatabaseSync, from: number, { make, upgrade, version }: DatabaseFormat): void {
  database.exec("BEGIN IMMEDIATE");
  if (from === 0) make(database);
  else upgrade?.(database);
  database.exec(`PRAGMA user_version = ${String(version)}; COMMIT`);
}
