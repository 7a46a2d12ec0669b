/** The format of a SqliteMetricStore's database. Imports nothing. */

export const METRIC_SCHEMA_VERSION = 1;

/** Where SQLite keeps what `PRAGMA user_version` says, https://sqlite.org/fileformat2.html#the_database_header. */
const VERSION_OFFSET = 60;
const MAGIC = "SQLite format 3\u0000";

/** What a file has to begin with, in bytes. */
export const HEADER_BYTES = 100;

/** @throws Error if a newer version wrote the database */
export function checkSchemaVersion(version: number): void {
  if (version <= METRIC_SCHEMA_VERSION) return;
  throw new Error(
    `the metrics have format ${String(version)}, this server reads up to ${String(METRIC_SCHEMA_VERSION)}`,
  );
}

/** @throws Error if a file that begins so is no database of a version that this one reads */
export function checkHeader(header: Buffer): void {
  if (header.toString("latin1", 0, MAGIC.length) !== MAGIC) throw new Error("the metrics are not a database");
  checkSchemaVersion(header.readUInt32BE(VERSION_OFFSET));
}
