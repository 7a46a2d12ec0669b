/** How rows are found in the database of a SqliteItemStore. Imports only node: modules and what does so too. */
import { DamagedRow, RECORD_BYTES, type RecordCollector, type RowRecord } from "./sqlite-item-record.js";

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
  const hasKey = `substr(v.record, ${RECORD_BYTES + 1}, length(${pointer}.key)) = ${pointer}.key`;
  return `${pointer}.version, ${hasKey}, v.record, ${data}`;
}

/** Versions that are lost are NULL, so that they show. */
export function joined(pointer: "c" | "r"): string {
  return `LEFT JOIN versions AS v ON v.version = ${pointer}.version`;
}

/**
 * A statement that finds rows in order of key. It takes the collection, the keys from which on and before which, how
 * many rows at most, and, if it is about the past, the snapshot.
 */
export function scanSql(options: {
  readonly isPast: boolean;
  readonly descending: boolean;
  readonly keysOnly: boolean;
}): string {
  const data = options.keysOnly ? "NULL" : "v.data";
  const where = (p: "c" | "r"): string => `${p}.collection_id = ?1 AND ${p}.key >= ?2 AND ${p}.key < ?3`;
  const end = `${options.descending ? "DESC" : "ASC"} LIMIT ?4`;
  const current = (key: "" | ", c.key AS key"): string =>
    `SELECT ${columns("c", data)}${key} FROM current AS c ${joined("c")} WHERE ${where("c")} AND c.deleted = 0`;
  if (!options.isPast) return `${current("")} ORDER BY c.key ${end}`;
  return `${current(", c.key AS key")} AND c.version <= ?5
    UNION ALL
    SELECT ${columns("r", data)}, r.key FROM replaced AS r INDEXED BY replaced_by_key ${joined("r")}
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
