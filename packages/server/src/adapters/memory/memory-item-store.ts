import { ServiceError } from "@millrace/shared-types";

import { type Clock, systemClock } from "../../ports/clock.js";
import type {
  ChangePage,
  ChangeScan,
  CollectionSize,
  CommitListener,
  CommitResult,
  ItemStore,
  Row,
  RowMutation,
  RowOutcome,
  RowPage,
  RowScan,
} from "../../ports/item-store.js";
import { SnapshotExpired } from "../../ports/item-store.js";
import { checkMutations } from "../../ports/item-store-checks.js";

import { MemoryCollection } from "./memory-collection.js";

const NO_BYTES = new Uint8Array(0);

/** Versioned rows in memory, gone when the process ends: for tests and for servers that keep nothing. */
export class MemoryItemStore implements ItemStore {
  readonly #clock: Clock;
  readonly #collections = new Map<string, MemoryCollection>();
  readonly #listeners = new Set<CommitListener>();
  #version = 0;
  #updatedAtMs = 0;
  /** Snapshots before this version may lack rows. */
  #snapshotsFrom = 0;
  /** By collection, the same of changes and their tombstones. */
  readonly #changesFrom = new Map<string, number>();
  #closed = false;

  constructor(options: { readonly clock?: Clock } = {}) {
    this.#clock = options.clock ?? systemClock;
  }

  async commit(mutations: readonly RowMutation[], { atomic }: { readonly atomic: boolean }): Promise<CommitResult> {
    this.#checkOpen();
    checkMutations(mutations);
    const staged = new StagedRows(this.#collections, this.#version, this.#nextMoment());
    const outcomes = mutations.map((mutation) => staged.apply(mutation));
    const failed = outcomes.some(({ type }) => type === "version-mismatch" || type === "id-taken");
    if (atomic && failed) return this.#refused(outcomes);
    const touched = new Set<string>();
    for (const { collection, row } of staged.rows) {
      this.#collection(collection).write(row);
      touched.add(collection);
    }
    for (const [name, nextId] of staged.nextIds) if (touched.has(name)) this.#collection(name).nextId = nextId;
    this.#version = staged.version;
    if (touched.size > 0) for (const listener of this.#listeners) listener(this.#version, touched);
    return { outcomes, version: this.#version, committed: true };
  }

  async get(
    collection: string,
    row: { readonly key: string } | { readonly id: string },
    snapshot: number = Infinity,
  ): Promise<Row | undefined> {
    this.#checkOpen();
    this.#checkSnapshot(snapshot);
    const rows = this.#collections.get(collection);
    const key = "key" in row ? row.key : rows?.keyOf(row.id, snapshot);
    return key === undefined ? undefined : rows?.at(key, snapshot);
  }

  async getAll(collection: string, keys: readonly string[]): Promise<readonly (Row | undefined)[]> {
    this.#checkOpen();
    return keys.map((key) => this.#collections.get(collection)?.newest(key));
  }

  async scan(scan: RowScan): Promise<RowPage> {
    this.#checkOpen();
    const { snapshot = Infinity } = scan;
    this.#checkSnapshot(snapshot);
    return this.#collections.get(scan.collection)?.scan(scan, snapshot) ?? { rows: [], exhausted: true };
  }

  async changes(scan: ChangeScan): Promise<ChangePage> {
    this.#checkOpen();
    const from = this.#changesFrom.get(scan.collection) ?? 0;
    const known = Math.max(scan.afterVersion, scan.beganAt ?? 0);
    if (scan.afterVersion > 0 && known < from) throw new SnapshotExpired(known, from);
    const rows = this.#collections.get(scan.collection);
    return rows?.changes(scan) ?? { rows: [], scannedTo: scan.afterVersion, exhausted: true };
  }

  async size(collection: string): Promise<CollectionSize> {
    this.#checkOpen();
    return this.#collections.get(collection)?.size ?? { rows: 0, dataBytes: 0, version: 0 };
  }

  async version(): Promise<number> {
    this.#checkOpen();
    return this.#version;
  }

  async drop(collection: string): Promise<number> {
    this.#checkOpen();
    const rows = this.#collections.get(collection)?.size.rows ?? 0;
    this.#collections.delete(collection);
    this.#changesFrom.set(collection, this.#version);
    return rows;
  }

  async vacuum(beforeMs: number, tombstonesBeforeMs: (collection: string) => number = () => beforeMs): Promise<number> {
    this.#checkOpen();
    let total = 0;
    for (const [name, rows] of this.#collections) {
      const { removed, snapshotsFrom, changesFrom } = rows.vacuum(beforeMs, tombstonesBeforeMs(name));
      this.#snapshotsFrom = Math.max(this.#snapshotsFrom, snapshotsFrom);
      this.#changesFrom.set(name, Math.max(this.#changesFrom.get(name) ?? 0, changesFrom));
      total += removed;
    }
    return total;
  }

  follow(listener: CommitListener): Disposable {
    this.#checkOpen();
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
  }

  #refused(outcomes: readonly RowOutcome[]): CommitResult {
    const told = outcomes.map((outcome): RowOutcome =>
      outcome.type === "written" ? { type: "unchanged", id: outcome.id, version: 0 } : outcome,
    );
    return { outcomes: told, version: this.#version, committed: false };
  }

  #collection(name: string): MemoryCollection {
    const known = this.#collections.get(name) ?? new MemoryCollection();
    this.#collections.set(name, known);
    return known;
  }

  /** Moments never go back, whatever the clock does: versions and moments have one order. */
  #nextMoment(): number {
    this.#updatedAtMs = Math.max(this.#updatedAtMs, this.#clock.now());
    return this.#updatedAtMs;
  }

  #checkSnapshot(snapshot: number): void {
    if (snapshot < this.#snapshotsFrom) throw new SnapshotExpired(snapshot, this.#snapshotsFrom);
  }

  #checkOpen(): void {
    if (this.#closed) throw new ServiceError("BACKEND_UNAVAILABLE", "the item store is closed");
  }
}

/** What a commit has changed in one collection so far. */
interface StagedCollection {
  readonly byKey: Map<string, Row>;
  readonly keyOfId: Map<string, string | undefined>;
  nextId: bigint;
}

/** Rows of a commit that are not visible yet, over those that are. */
class StagedRows {
  readonly rows: { readonly collection: string; readonly row: Row }[] = [];
  version: number;
  readonly #collections: ReadonlyMap<string, MemoryCollection>;
  readonly #staged = new Map<string, StagedCollection>();
  readonly #nowMs: number;

  constructor(collections: ReadonlyMap<string, MemoryCollection>, version: number, nowMs: number) {
    this.#collections = collections;
    this.version = version;
    this.#nowMs = nowMs;
  }

  /** By collection, where the search for free ids goes on. */
  get nextIds(): readonly (readonly [string, bigint])[] {
    return [...this.#staged].map(([name, { nextId }]) => [name, nextId]);
  }

  apply({ collection, put, deleteKey, deleteHead, ifVersion, ifNewest, skipEqual }: RowMutation): RowOutcome {
    const key = put?.key ?? deleteKey ?? "";
    const newest = this.#stagedIn(collection).byKey.get(key) ?? this.#collections.get(collection)?.newest(key);
    const before = newest?.deleted === true ? undefined : newest;
    const actualVersion = (ifNewest === undefined ? before : newest)?.version ?? 0;
    const expected = ifVersion ?? ifNewest ?? actualVersion;
    if (expected !== actualVersion) return { type: "version-mismatch", actualVersion };
    if (put === undefined) return this.#delete(collection, before, deleteHead);
    const id = put.id ?? before?.id ?? this.#freeId(collection);
    if (this.#isTaken(collection, id, key) || (before !== undefined && before.id !== id)) return { type: "id-taken" };
    if (skipEqual === true && before !== undefined && isEqual(before, put)) {
      return { type: "unchanged", id, version: before.version };
    }
    const { head, data } = put;
    return this.#write(collection, { key, id, head, data, deleted: false }, before !== undefined);
  }

  #delete(collection: string, before: Row | undefined, head: Uint8Array = NO_BYTES): RowOutcome {
    if (before === undefined) return { type: "unchanged", id: "0", version: 0 };
    const { key, id } = before;
    return this.#write(collection, { key, id, head, data: NO_BYTES, deleted: true }, true);
  }

  #write(collection: string, content: Omit<Row, "version" | "updatedAtMs">, existed: boolean): RowOutcome {
    this.version += 1;
    const row = { ...content, version: this.version, updatedAtMs: this.#nowMs };
    this.rows.push({ collection, row });
    const { byKey, keyOfId } = this.#stagedIn(collection);
    byKey.set(row.key, row);
    keyOfId.set(row.id, row.deleted ? undefined : row.key);
    return { type: "written", id: row.id, version: row.version, existed };
  }

  #isTaken(collection: string, id: string, key: string): boolean {
    const { keyOfId } = this.#stagedIn(collection);
    if (keyOfId.has(id)) return (keyOfId.get(id) ?? key) !== key;
    return this.#collections.get(collection)?.isTaken(id, key) ?? false;
  }

  #freeId(collection: string): string {
    const staged = this.#stagedIn(collection);
    while (this.#isTaken(collection, String(staged.nextId), NO_KEY)) staged.nextId += 1n;
    const id = String(staged.nextId);
    staged.nextId += 1n;
    return id;
  }

  #stagedIn(collection: string): StagedCollection {
    const known = this.#staged.get(collection);
    if (known !== undefined) return known;
    const nextId = this.#collections.get(collection)?.nextId ?? 1n;
    const created = { byKey: new Map<string, Row>(), keyOfId: new Map<string, string | undefined>(), nextId };
    this.#staged.set(collection, created);
    return created;
  }
}

/** The key of no row. */
const NO_KEY = "";

function isEqual(row: Row, put: { readonly head: Uint8Array; readonly data: Uint8Array }): boolean {
  return Buffer.compare(row.head, put.head) === 0 && Buffer.compare(row.data, put.data) === 0;
}
