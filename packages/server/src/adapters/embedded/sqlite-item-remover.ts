/** How a SqliteItemStore removes versions. Imports only node: modules and what does so too. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import type { CollectionEntry, ItemCollections } from "./sqlite-item-collections.js";
import type { ItemLedger } from "./sqlite-item-ledger.js";
import type { TombstoneLimit } from "./sqlite-item-protocol.js";

/** Versions that are removed in one step: bounds how long commits wait. */
const STEP = 1000;

type StatementName =
  | "oldestReplaced"
  | "removeReplacedVersions"
  | "removeReplaced"
  | "oldestTombstones"
  | "removeTombstoneVersions"
  | "removeTombstones"
  | "forgetChanges"
  | "dropped"
  | "droppedOfName"
  | "dropRowVersions"
  | "dropRows"
  | "dropOldVersions"
  | "dropOld"
  | "removeCollection";

/** Removes versions that nobody is to read any more, step by step, within transactions of the caller. */
export class ItemRemover {
  readonly #ledger: ItemLedger;
  readonly #collections: ItemCollections;
  readonly #statements: Readonly<Record<StatementName, StatementSync>>;

  constructor(database: DatabaseSync, ledger: ItemLedger, collections: ItemCollections) {
    this.#ledger = ledger;
    this.#collections = collections;
    const rows = "FROM current WHERE collection_id = ?1 ORDER BY key LIMIT ?2";
    const old = "FROM replaced INDEXED BY replaced_by_key WHERE collection_id = ?1 ORDER BY key, valid_to LIMIT ?2";
    const tombstones =
      "FROM current INDEXED BY current_tombstones WHERE collection_id = ? AND deleted = 1 AND version <= ?";
    const sql: Record<StatementName, string> = {
      oldestReplaced: "SELECT valid_to AS version, replaced_at_ms AS atMs FROM replaced ORDER BY valid_to LIMIT ?",
      removeReplacedVersions:
        "DELETE FROM versions WHERE version IN (SELECT version FROM replaced WHERE valid_to <= ?)",
      removeReplaced: "DELETE FROM replaced WHERE valid_to <= ?",
      oldestTombstones: `SELECT t.version AS version, v.updated_at_ms AS atMs
        FROM current AS t INDEXED BY current_tombstones LEFT JOIN versions AS v ON v.version = t.version
        WHERE t.collection_id = ? AND t.deleted = 1 ORDER BY t.version LIMIT ?`,
      removeTombstoneVersions: `DELETE FROM versions WHERE version IN (SELECT version ${tombstones})`,
      removeTombstones: `DELETE ${tombstones}`,
      forgetChanges: "UPDATE collections SET changes_from = max(changes_from, ?) WHERE collection_id = ?",
      dropped: "SELECT collection_id AS id FROM collections INDEXED BY collections_dropped WHERE dropped = 1 LIMIT 1",
      droppedOfName: `SELECT collection_id AS id FROM collections INDEXED BY collections_dropped
        WHERE dropped = 1 AND name = ? LIMIT 1`,
      dropRowVersions: `DELETE FROM versions WHERE version IN (SELECT version ${rows})`,
      dropRows: `DELETE FROM current WHERE collection_id = ?1 AND key IN (SELECT key ${rows})`,
      dropOldVersions: `DELETE FROM versions WHERE version IN (SELECT version ${old})`,
      dropOld: `DELETE FROM replaced WHERE valid_to IN (SELECT valid_to ${old})`,
      removeCollection: "DELETE FROM collections WHERE collection_id = ?",
    };
    const prepared = Object.entries(sql).map(([name, text]) => [name, database.prepare(text)]);
    this.#statements = Object.fromEntries(prepared) as Record<StatementName, StatementSync>;
  }

  /** Hides a collection and removes some of it; how many versions. */
  drop(name: string): number {
    const entry = this.#collections.find(name);
    if (entry.version > 0) this.#collections.drop(entry, this.#ledger.version);
    return this.#removeDropped(STEP, this.#statements.droppedOfName.get(name)?.["id"]);
  }

  /** Removes some of what was replaced before `beforeMs`, of tombstones, and of what was dropped; how many versions. */
  vacuum(beforeMs: number, tombstones: readonly TombstoneLimit[]): number {
    let removed = this.#removeDropped(STEP, this.#statements.dropped.get()?.["id"]);
    removed += this.#removeReplaced(STEP - removed, beforeMs);
    for (const { collection, beforeMs: tombstonesBeforeMs } of tombstones) {
      if (removed >= STEP) break;
      removed += this.#removeTombstones(this.#collections.find(collection), STEP - removed, tombstonesBeforeMs);
    }
    return removed;
  }

  #removeReplaced(limit: number, beforeMs: number): number {
    const oldest = agedVersions(this.#statements.oldestReplaced.all(limit), beforeMs);
    const upTo = oldest.at(-1);
    if (upTo === undefined) return 0;
    this.#statements.removeReplacedVersions.run(upTo);
    this.#statements.removeReplaced.run(upTo);
    this.#ledger.snapshotsFrom = Math.max(this.#ledger.snapshotsFrom, upTo);
    return oldest.length;
  }

  #removeTombstones(entry: CollectionEntry, limit: number, beforeMs: number): number {
    const { collectionId } = entry;
    const oldest = agedVersions(this.#statements.oldestTombstones.all(collectionId, limit), beforeMs);
    const upTo = oldest.at(-1);
    if (upTo === undefined) return 0;
    this.#statements.removeTombstoneVersions.run(collectionId, upTo);
    this.#statements.removeTombstones.run(collectionId, upTo);
    this.#statements.forgetChanges.run(upTo, collectionId);
    this.#collections.touch(entry);
    entry.tombstones -= oldest.length;
    return oldest.length;
  }

  #removeDropped(limit: number, collectionId: unknown): number {
    if (typeof collectionId !== "number") return 0;
    this.#statements.dropRowVersions.run(collectionId, limit);
    const rows = Number(this.#statements.dropRows.run(collectionId, limit).changes);
    this.#statements.dropOldVersions.run(collectionId, limit - rows);
    const old = Number(this.#statements.dropOld.run(collectionId, limit - rows).changes);
    if (rows + old < limit) this.#statements.removeCollection.run(collectionId);
    return rows + old;
  }
}

/** The versions from before a moment; `rows` are in order of both. */
function agedVersions(rows: readonly Record<string, unknown>[], beforeMs: number): readonly number[] {
  const end = rows.findIndex(({ atMs }) => Number(atMs) >= beforeMs);
  return rows.slice(0, end === -1 ? rows.length : end).map(({ version }) => Number(version));
}
