/** The format of a SqliteMetricStore's database, for those who have not opened it. Imports nothing but the like. */
import { checkFormatVersion, type FormatVersion } from "./sqlite-format.js";

export const METRIC_FORMAT: FormatVersion = { holds: "metrics", version: 1 };

/** Where SQLite keeps what `PRAGMA user_version` says, https://sqlite.org/fileformat2.html#the_database_header. */
const VERSION_OFFSET = 60;
const MAGIC = "SQLite format 3\u0000";

/** What a file has to begin with, in bytes. */
export const HEADER_BYTES = 100;

/** @throws Error if a file that begins so is no database of a version that this one reads */
export function checkHeader(header: Buffer): void {
  if (header.toString("latin1", 0, MAGIC.length) !== MAGIC) throw new Error("the metrics are not a database");
  checkFormatVersion(header.readUInt32BE(VERSION_OFFSET), METRIC_FORMAT);
}
