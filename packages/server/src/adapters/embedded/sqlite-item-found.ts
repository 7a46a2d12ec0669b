/** How rows are found in the database of a SqliteItemStore. Imports only node: modules and what does so too. */
import { RECORD_BYTES, type RowRecord } from "./sqlite-item-record.js";
import { DamagedRow, type RecordCollector } from "./sqlite-item-record-collector.js";

/** A row as statements with these {@link columns} give it. Whether it has the key by which it was found comes second. */
export type FoundRow = readonly [
  version: number,
  hasKey: number | null,
  record: Uint8Array | null,
  data: Uint8Array | null,
  ...rest: readonly unknown[],
];

/** The columns of a row to which a row of `current` or `replaced` points. */
export function columns(pointer: "c" | "r", data: "v.data" | "NULL" = "v.data"): string {
  return `${pointer}.version, ${hasKey(pointer)}, v.record, ${data}`;
}

function hasKey(pointer: "c" | "r"): string {
  return `substr(v.record, ${RECORD_BYTES + 1}, length(${pointer}.key)) = ${pointer}.key`;
}

/** Versions that are lost are NULL, so that they show. */
export function joined(pointer: "c" | "r"): string {
  return `LEFT JOIN versions AS v ON v.version = ${pointer}.version`;
}

/** What a scan is about. */
export interface ScanKind {
  readonly isPast: boolean;
  readonly descending: boolean;
  readonly keysOnly: boolean;
}

/**
 * A statement that finds rows in order of key. It takes the collection, the keys from which on and before which, how
 * many rows at most, and, if it is about the past, the snapshot.
 */
export function scanSql(kind: ScanKind): string {
  return scanOf(kind, (pointer) => columns(pointer, kind.keysOnly ? "NULL" : "v.data"));
}

/** The answer of a statement that {@link packedScanSql} makes. */
export type PackedRows = readonly [rows: number, versionSum: number | null, records: Uint8Array | null];

/**
 * As {@link scanSql}, with one answer for all rows: how many there are, the sum of their versions, and their records. In
 * place of one that is larger than the sixth parameter says, or lacks the key by which it was found, stands its version, in as
 * many digits as a record has bytes at least. One blob costs about as much as one row of the other statement. The
 * fifth parameter is the snapshot, whether it is about the past or not.
 *
 * SQLite puts texts together, but keeps their bytes, whatever they are: the checksums of the records say so.
 */
export function packedScanSql(kind: ScanKind): string {
  const bytes = kind.keysOnly ? "v.record" : "v.record || v.data";
  const length = kind.keysOnly ? "length(v.record)" : "length(v.record) + length(v.data)";
  const found = scanOf(
    kind,
    (p) =>
      `${p}.version AS version,
       CASE WHEN ${length} <= ?6 AND ${hasKey(p)} THEN ${bytes} ELSE ${placeholder(p)} END AS record`,
  );
  return `SELECT count(*), sum(version), CAST(group_concat(record, '') AS BLOB) FROM (${found})`;
}

function placeholder(pointer: "c" | "r"): string {
  return `printf('%0${String(RECORD_BYTES)}d', ${pointer}.version)`;
}

function scanOf({ isPast, descending }: ScanKind, columnsOf: (pointer: "c" | "r") => string): string {
  const where = (p: "c" | "r"): string => `${p}.collection_id = ?1 AND ${p}.key >= ?2 AND ${p}.key < ?3`;
  const end = `${descending ? "DESC" : "ASC"} LIMIT ?4 + 0`; // or SQLite would plan anew for each limit
  const current = (key: "" | ", c.key AS key"): string =>
    `SELECT ${columnsOf("c")}${key} FROM current AS c ${joined("c")} WHERE ${where("c")} AND c.deleted = 0`;
  if (!isPast) return `${current("")} ORDER BY c.key ${end}`;
  return `${current(", c.key AS key")} AND c.version <= ?5
    UNION ALL
    SELECT ${columnsOf("r")}, r.key FROM replaced AS r INDEXED BY replaced_by_key ${joined("r")}
    WHERE ${where("r")} AND r.valid_to > ?5 AND r.version <= ?5 ORDER BY key ${end}`;
}

/**
 * Adds a row that was found to `records`.
 *
 * @throws {DamagedRow} if it is not what was stored there
 */
export function addFound(records: RecordCollector, [version, hasKey, record, data]: FoundRow): RowRecord {
  if (hasKey !== 1 || record === null) throw new DamagedRow(version);
  return records.add(version, record, data);
}
