/** The collections of a SqliteItemStore. Imports only node: modules. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Collections that are kept in memory between transactions. */
const MAX_KNOWN = 10_000;

/** What is known of a collection without looking at its rows. */
export interface CollectionEntry {
  readonly name: string;
  /** 0 until something is written to it. */
  collectionId: number;
  /** Rows that are not deleted, and their data. */
  rows: number;
  dataBytes: number;
  tombstones: number;
  /** Newest version in it. */
  version: number;
  /** No greater id was ever given to a row whose writer chose none. */
  nextId: bigint;
}

/** Finds collections by name, and counts what they hold: in memory, and in the database once per transaction. */
export class ItemCollections {
  readonly #known = new Map<string, CollectionEntry>();
  readonly #dirty = new Set<CollectionEntry>();
  readonly #statements: Readonly<Record<"find" | "insert" | "update" | "drop", StatementSync>>;

  constructor(database: DatabaseSync) {
    this.#statements = {
      find: database.prepare(
        `SELECT collection_id AS collectionId, rows, data_bytes AS dataBytes, tombstones, version,
           CAST(next_id AS TEXT) AS nextId FROM collections WHERE name = ? AND dropped = 0`,
      ),
      insert: database.prepare("INSERT INTO collections (name, changes_from) VALUES (?, ?)"),
      update: database.prepare(
        `UPDATE collections SET rows = ?, data_bytes = ?, tombstones = ?, version = ?, next_id = ?
         WHERE collection_id = ?`,
      ),
      drop: database.prepare("UPDATE collections SET dropped = 1 WHERE collection_id = ?"),
    };
  }

  /** The collection of this name; nothing is stored for one that is new. */
  find(name: string): CollectionEntry {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const fresh = { collectionId: 0, rows: 0, dataBytes: 0, tombstones: 0, version: 0, nextId: 1n };
    const stored = this.#statements.find.get(name);
    const entry = { name, ...fresh, ...stored, ...(stored && { nextId: BigInt(String(stored["nextId"])) }) };
    this.#known.set(name, entry);
    return entry;
  }

  /** Takes note that `entry` is about to be written to. */
  touch(entry: CollectionEntry): void {
    if (entry.collectionId === 0) entry.collectionId = this.#insert(entry.name, 0);
    this.#dirty.add(entry);
  }

  /** Hides what is in a collection, for good; changes cannot be read from before `version` then. */
  drop(entry: CollectionEntry, version: number): void {
    this.#statements.drop.run(entry.collectionId);
    this.#insert(entry.name, version);
    this.#known.delete(entry.name);
    this.#dirty.delete(entry);
  }

  /** Writes what has changed. */
  flush(): void {
    for (const { rows, dataBytes, tombstones, version, nextId, collectionId } of this.#dirty) {
      this.#statements.update.run(rows, dataBytes, tombstones, version, nextId, collectionId);
    }
    this.#dirty.clear();
    if (this.#known.size > MAX_KNOWN) this.#known.clear();
  }

  /** What is in memory may not be what is in the database. */
  forget(): void {
    this.#known.clear();
    this.#dirty.clear();
  }

  #insert(name: string, changesFrom: number): number {
    return Number(this.#statements.insert.run(name, changesFrom).lastInsertRowid);
  }
}
