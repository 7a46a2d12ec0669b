/** How a SqliteItemStore reads. Imports only node: modules and what does so too. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import { type ChangeScan, type CollectionSize, type RowScan, SnapshotExpired } from "../../ports/item-store.js";

import {
  addFound,
  columns,
  type FoundRow,
  joined,
  packedScanSql,
  type PackedRows,
  scanSql,
} from "./sqlite-item-found.js";
import { keyAfter, type KeyRange, keyRangeOf } from "./sqlite-item-key-range.js";
import type { ItemReadRequest, ItemReadResults } from "./sqlite-item-protocol.js";
import type { RowRecord } from "./sqlite-item-record.js";
import { RecordCollector } from "./sqlite-item-record-collector.js";
import { RowRun } from "./sqlite-item-run.js";

/** Collections that are looked at at a time. */
const MAX_COLLECTIONS = 500;

/** What is known of a collection. */
interface Collection {
  readonly collectionId: number;
  readonly rows: number;
  readonly dataBytes: number;
  readonly version: number;
  readonly changesFrom: number;
}

/** Answers questions about what is stored, within read transactions of the caller. */
export class ItemReader {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  get({ collection, row, snapshot }: Extract<ItemReadRequest, { kind: "get" }>): ItemReadResults["get"] {
    this.#checkSnapshot(snapshot);
    const collectionId = this.#collection(collection)?.collectionId ?? 0;
    const [column, value] = "key" in row ? (["key", Buffer.from(row.key)] as const) : (["id", BigInt(row.id)] as const);
    const records = new RecordCollector(1024);
    const found = this.#findAt(collectionId, column, value, snapshot);
    if (found !== undefined) addFound(records, found);
    return { records: records.finish(), count: found === undefined ? 0 : 1 };
  }

  getAll(collection: string, keys: readonly string[]): ItemReadResults["getAll"] {
    const collectionId = this.#collection(collection)?.collectionId ?? 0;
    const records = new RecordCollector(64 * 1024);
    const indexes = keys.flatMap((key, index) => {
      const [found] = this.#all(
        `SELECT ${columns("c")} FROM current AS c ${joined("c")} WHERE c.collection_id = ? AND c.key = ?`,
        [collectionId, Buffer.from(key)],
      );
      if (found === undefined) return [];
      addFound(records, found);
      return [index];
    });
    return { indexes, records: records.finish(), count: indexes.length };
  }

  scan(scan: RowScan): ItemReadResults["scan"] {
    const { snapshot, descending = false, keysOnly = false } = scan;
    this.#checkSnapshot(snapshot);
    const collection = this.#collection(scan.collection);
    const isPast = snapshot !== undefined && collection !== undefined && collection.version > snapshot;
    const kind = { isPast, descending, keysOnly };
    const [sql, packedSql] = [scanSql(kind), packedScanSql(kind)];
    const range = keyRangeOf(scan);
    const { collectionId = 0, rows: total = 0, dataBytes = 0 } = collection ?? {};
    const values = (rows: number, last: RowRecord | undefined): readonly (number | Uint8Array)[] => {
      const { low, high } = last === undefined ? range : rest(range, last, descending);
      return [collectionId, low, high, rows, ...(isPast ? [snapshot] : [])];
    };
    const run = new RowRun(scan);
    const exhausted = run.fillPacked({
      fetch: (rows, last) => this.#each(sql, values(rows, last)),
      fetchPacked: (rows, maxRowBytes, last) => this.#packed(packedSql, values(rows, last), maxRowBytes),
      hasData: !keysOnly,
      rowBytes: Math.max(1, keysOnly ? 0 : dataBytes / Math.max(1, total)),
    });
    return { ...run.finish(), exhausted };
  }

  changes(scan: ChangeScan): ItemReadResults["changes"] {
    const collection = this.#collection(scan.collection);
    const known = Math.max(scan.afterVersion, scan.beganAt ?? 0);
    const { changesFrom = 0, collectionId = 0 } = collection ?? {};
    if (scan.afterVersion > 0 && known < changesFrom) throw new SnapshotExpired(known, changesFrom);
    const run = new RowRun(scan);
    const exhausted = run.fill((rows, last) =>
      this.#each(
        `SELECT ${columns("c")} FROM current AS c INDEXED BY current_by_version ${joined("c")}
         WHERE c.collection_id = ? AND c.version > ? ORDER BY c.version LIMIT ? + 0`,
        [collectionId, last?.version ?? scan.afterVersion, rows],
      ),
    );
    const end = run.last?.version ?? scan.afterVersion;
    const scannedTo = exhausted ? Math.max(end, this.#store().version) : end;
    return { ...run.finish(), scannedTo, exhausted };
  }

  size(collection: string): CollectionSize {
    const { rows = 0, dataBytes = 0, version = 0 } = this.#collection(collection) ?? {};
    return { rows, dataBytes, version };
  }

  tombstones(afterName: string): ItemReadResults["tombstones"] {
    return this.#prepare(
      `SELECT c.name AS collection, (
         SELECT v.updated_at_ms FROM current AS t INDEXED BY current_tombstones LEFT JOIN versions AS v ON v.version = t.version
         WHERE t.collection_id = c.collection_id AND t.deleted = 1 ORDER BY t.version LIMIT 1
       ) AS oldestMs
       FROM collections AS c INDEXED BY collections_with_tombstones
       WHERE c.dropped = 0 AND c.tombstones > 0 AND c.name > ? ORDER BY c.name LIMIT ${MAX_COLLECTIONS}`,
    ).all(afterName) as unknown as ItemReadResults["tombstones"];
  }

  /** The row that had this key or id at `snapshot`, unless it was deleted. */
  #findAt(
    collectionId: number,
    column: "key" | "id",
    value: Uint8Array | bigint,
    snapshot: number = Number.MAX_SAFE_INTEGER,
  ): FoundRow | undefined {
    const [now] = this.#all(
      `SELECT ${columns("c")} FROM current AS c ${joined("c")}
       WHERE c.collection_id = ? AND c.${column} = ? AND c.deleted = 0 AND c.version <= ?`,
      [collectionId, value, snapshot],
    );
    if (now !== undefined || snapshot === Number.MAX_SAFE_INTEGER) return now;
    const [then] = this.#all(
      `SELECT ${columns("r")} FROM replaced AS r INDEXED BY replaced_by_${column} ${joined("r")}
       WHERE r.collection_id = ?1 AND r.${column} = ?2 AND r.valid_to > ?3 AND r.version <= ?3 ORDER BY r.valid_to LIMIT 1`,
      [collectionId, value, snapshot],
    );
    return then;
  }

  #checkSnapshot(snapshot: number | undefined): void {
    if (snapshot === undefined) return;
    const { snapshotsFrom } = this.#store();
    if (snapshot < snapshotsFrom) throw new SnapshotExpired(snapshot, snapshotsFrom);
  }

  #store(): { readonly version: number; readonly snapshotsFrom: number } {
    const store = this.#prepare("SELECT version, snapshots_from AS snapshotsFrom FROM store").get();
    return store as { version: number; snapshotsFrom: number };
  }

  #collection(name: string): Collection | undefined {
    const found = this.#prepare(
      `SELECT collection_id AS collectionId, rows, data_bytes AS dataBytes, version, changes_from AS changesFrom
       FROM collections WHERE name = ? AND dropped = 0`,
    ).get(name);
    return found as unknown as Collection | undefined;
  }

  #all(sql: string, values: readonly (number | bigint | Uint8Array)[]): readonly FoundRow[] {
    const statement = this.#prepare(sql);
    statement.setReturnArrays(true);
    return statement.all(...values) as unknown as FoundRow[];
  }

  /** Rows that are read one by one. */
  #each(sql: string, values: readonly (number | bigint | Uint8Array)[]): Iterable<FoundRow> {
    const statement = this.#prepare(sql);
    statement.setReturnArrays(true);
    return statement.iterate(...values) as unknown as Iterable<FoundRow>;
  }

  #packed(sql: string, values: readonly (number | Uint8Array)[], maxRowBytes: number): PackedRows {
    const statement = this.#prepare(sql);
    statement.setReturnArrays(true);
    const [collectionId = 0, low = 0, high = 0, rows = 0, snapshot = 0] = values;
    return statement.get(collectionId, low, high, rows, snapshot, maxRowBytes) as unknown as PackedRows;
  }

  #prepare(sql: string): StatementSync {
    const prepared = this.#prepared.get(sql) ?? this.#database.prepare(sql);
    this.#prepared.set(sql, prepared);
    return prepared;
  }
}

/** The keys of a range that come after the last one. */
function rest({ low, high }: KeyRange, { key }: RowRecord, descending: boolean): KeyRange {
  return descending ? { low, high: key } : { low: keyAfter(key), high };
}
