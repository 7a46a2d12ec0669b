/** How a SqliteItemStore applies commits. Imports only node: modules and what does so too. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import type { CollectionEntry, ItemCollections } from "./sqlite-item-collections.js";
import type { PackedCommit, PackedMutation, PackedOutcome, PackedResult } from "./sqlite-item-commits.js";
import type { ItemLedger } from "./sqlite-item-ledger.js";
import { type RowRecord } from "./sqlite-item-record.js";
import { DamagedRow, RecordCollector } from "./sqlite-item-record-collector.js";

/** What `current` says of a key. */
interface CurrentRow {
  readonly version: number;
  readonly id: bigint;
  readonly deleted: boolean;
  readonly dataBytes: number;
}

type StatementName =
  | "find"
  | "content"
  | "findId"
  | "freeId"
  | "addVersion"
  | "removeVersion"
  | "addCurrent"
  | "updateCurrent"
  | "addReplaced";

/** Applies commits within a transaction of the caller. */
export class ItemCommitter {
  readonly #database: DatabaseSync;
  readonly #ledger: ItemLedger;
  readonly #collections: ItemCollections;
  readonly #statements: Readonly<Record<StatementName, StatementSync>>;

  constructor(database: DatabaseSync, ledger: ItemLedger, collections: ItemCollections) {
    this.#database = database;
    this.#ledger = ledger;
    this.#collections = collections;
    this.#statements = {
      find: database.prepare(
        `SELECT version, CAST(id AS TEXT), deleted, data_bytes FROM current WHERE collection_id = ? AND key = ?`,
      ),
      content: database.prepare("SELECT record, data FROM versions WHERE version = ?"),
      findId: database.prepare(
        "SELECT 1 FROM current INDEXED BY current_by_id WHERE collection_id = ? AND id = ? AND deleted = 0",
      ),
      freeId: database.prepare(
        `SELECT CAST(taken.id + 1 AS TEXT) AS id FROM current AS taken INDEXED BY current_by_id
         WHERE taken.collection_id = ?1 AND taken.id >= ?2 AND taken.deleted = 0 AND NOT EXISTS (
           SELECT 1 FROM current AS next INDEXED BY current_by_id
           WHERE next.collection_id = ?1 AND next.id = taken.id + 1 AND next.deleted = 0
         ) ORDER BY taken.id LIMIT 1`,
      ),
      addVersion: database.prepare("INSERT INTO versions VALUES (?, ?, ?, ?)"),
      removeVersion: database.prepare("DELETE FROM versions WHERE version = ?"),
      addCurrent: database.prepare("INSERT INTO current VALUES (?, ?, ?, ?, ?, ?)"),
      updateCurrent: database.prepare(
        "UPDATE current SET version = ?, id = ?, deleted = ?, data_bytes = ? WHERE collection_id = ? AND key = ?",
      ),
      addReplaced: database.prepare("INSERT INTO replaced VALUES (?, ?, ?, ?, ?, ?)"),
    };
    for (const name of ["find", "content"] as const) this.#statements[name].setReturnArrays(true);
  }

  apply({ atomic, collections, mutations }: PackedCommit, nowMs: number): PackedResult {
    const entries = collections.map((name) => this.#collections.find(name));
    const applyAll = (): readonly PackedOutcome[] =>
      mutations.map((mutation) => this.#mutate(entries[mutation.collectionIndex], mutation, nowMs));
    const outcomes = atomic && mutations.length > 1 ? this.#allOrNone(entries, applyAll) : applyAll();
    const committed = !(atomic && outcomes.some(isRefused));
    return { outcomes, version: this.#ledger.version, committed };
  }

  #allOrNone(entries: readonly CollectionEntry[], applyAll: () => readonly PackedOutcome[]): readonly PackedOutcome[] {
    const [before, { version, updatedAtMs }] = [entries.map((entry) => ({ ...entry })), this.#ledger];
    this.#database.exec("SAVEPOINT one");
    const outcomes = applyAll();
    if (!outcomes.some(isRefused)) {
      this.#database.exec("RELEASE one");
      return outcomes;
    }
    this.#database.exec("ROLLBACK TO one; RELEASE one");
    for (const [index, entry] of entries.entries()) Object.assign(entry, before[index]);
    Object.assign(this.#ledger, { version, updatedAtMs });
    return outcomes.map((outcome) => (outcome.type === "written" ? { ...outcome, ...UNWRITTEN } : outcome));
  }

  #mutate(entry: CollectionEntry | undefined, mutation: PackedMutation, nowMs: number): PackedOutcome {
    if (entry === undefined) throw new Error("a mutation has no collection");
    const { record, ifVersion, ofNewest } = mutation;
    const found = this.#find(entry, record.key);
    const before = found?.deleted === true ? undefined : found;
    const actual = (ofNewest ? found : before)?.version ?? 0;
    if (ifVersion !== undefined && ifVersion !== actual) return { type: "version-mismatch", version: actual, id: 0n };
    if (!mutation.isPut && before === undefined) return { type: "unchanged", version: 0, id: 0n };
    const id = this.#idFor(entry, mutation, before);
    if (id === undefined) return { type: "id-taken", version: 0, id: 0n };
    if (mutation.skipEqual && before !== undefined && this.#isStored(record, before.version)) {
      return { type: "unchanged", version: before.version, id };
    }
    this.#write(entry, record, found, id, nowMs);
    return { type: "written", version: this.#ledger.version, id, existed: before !== undefined };
  }

  #find({ collectionId }: CollectionEntry, key: Uint8Array): CurrentRow | undefined {
    const row = this.#statements.find.get(collectionId, key) as unknown as [number, string, number, number] | undefined;
    return row && { version: row[0], id: BigInt(row[1]), deleted: row[2] !== 0, dataBytes: row[3] };
  }

  /** The id that the row is to have; `undefined` if it cannot have it. */
  #idFor(
    entry: CollectionEntry,
    { isPut, hasId, record }: PackedMutation,
    before: CurrentRow | undefined,
  ): bigint | undefined {
    if (!isPut || !hasId) return before?.id ?? this.#freeId(entry);
    const { id } = record;
    const isFree = before === undefined ? !this.#isTaken(entry, id) : before.id === id;
    return isFree ? id : undefined;
  }

  /** An id that no row of the collection has, and that was given to none before. */
  #freeId(entry: CollectionEntry): bigint {
    if (this.#isTaken(entry, entry.nextId)) {
      entry.nextId = BigInt(String(this.#statements.freeId.get(entry.collectionId, entry.nextId)?.["id"]));
    }
    const id = entry.nextId;
    entry.nextId += 1n;
    return id;
  }

  #isTaken({ collectionId }: CollectionEntry, id: bigint): boolean {
    return this.#statements.findId.get(collectionId, id) !== undefined;
  }

  /** Whether head and data of `record` are stored as `version`. Damaged ones are not, and are to be replaced. */
  #isStored(record: RowRecord, version: number): boolean {
    try {
      const [stored, data] = this.#statements.content.get(version) as unknown as [Uint8Array, Uint8Array];
      return new RecordCollector(stored.length + data.length).add(version, stored, data).saysTheSame(record);
    } catch (error) {
      if (error instanceof DamagedRow) return false;
      throw error;
    }
  }

  #write(entry: CollectionEntry, record: RowRecord, found: CurrentRow | undefined, id: bigint, nowMs: number): void {
    const [ledger, { key, data, deleted }] = [this.#ledger, record];
    ledger.version += 1;
    ledger.updatedAtMs = Math.max(ledger.updatedAtMs, nowMs); // the clock may step back
    const { version, updatedAtMs } = ledger;
    this.#collections.touch(entry);
    record.setPlace({ version, updatedAtMs, id });
    this.#statements.addVersion.run(version, updatedAtMs, record.withoutData, data);
    const what = [version, id, deleted ? 1 : 0, data.length] as const;
    if (found === undefined) this.#statements.addCurrent.run(entry.collectionId, key, ...what);
    else {
      this.#retire(entry, key, found);
      this.#statements.updateCurrent.run(...what, entry.collectionId, key);
    }
    entry.version = version;
    count(entry, { deleted, dataBytes: data.length }, 1);
  }

  /** Snapshots still need the version that is replaced, but not if it is a tombstone. */
  #retire(entry: CollectionEntry, key: Uint8Array, { version, id, deleted, dataBytes }: CurrentRow): void {
    const { version: validTo, updatedAtMs } = this.#ledger;
    if (deleted) this.#statements.removeVersion.run(version);
    else this.#statements.addReplaced.run(validTo, entry.collectionId, key, version, id, updatedAtMs);
    count(entry, { deleted, dataBytes }, -1);
  }
}

/** What a mutation of an atomic commit says that was written in vain. */
const UNWRITTEN = { type: "unchanged", version: 0 } as const;

function isRefused({ type }: PackedOutcome): boolean {
  return type === "version-mismatch" || type === "id-taken";
}

function count(entry: CollectionEntry, row: Pick<CurrentRow, "deleted" | "dataBytes">, sign: 1 | -1): void {
  if (row.deleted) entry.tombstones += sign;
  else entry.rows += sign;
  entry.dataBytes += sign * row.dataBytes;
}
