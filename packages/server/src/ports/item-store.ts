/** A row as its writer gave it. */
export interface RowDraft {
  /** 1 to 1024 bytes of UTF-8. */
  readonly key: string;
  /**
   * A number of the writer's, unique in its collection: decimal text of 1 to 2⁶³ − 1. Left out: the one that the row
   * has, or the next one that no row has and none was given before.
   */
  readonly id?: string;
  /** Everything else that the writer said, but for the content. Opaque to the store. */
  readonly head: Uint8Array;
  readonly data: Uint8Array;
}

/** A row as it is stored, at one of its versions. */
export interface Row {
  readonly key: string;
  readonly id: string;
  readonly head: Uint8Array;
  /** Empty in a tombstone, and where only keys were asked for. */
  readonly data: Uint8Array;
  /** Position of the change in the store: each change of each row has its own, later ones are greater. */
  readonly version: number;
  /** The change was a deletion. */
  readonly deleted: boolean;
  /** Wall clock of the server, in milliseconds since 1970. */
  readonly updatedAtMs: number;
}

/** One change. */
export interface RowMutation {
  readonly collection: string;
  /** Insert or replace … */
  readonly put?: RowDraft;
  /** … or delete, by key. Deleting what does not exist changes nothing and succeeds. */
  readonly deleteKey?: string;
  /** The head of the tombstone that a delete leaves. Default: empty. */
  readonly deleteHead?: Uint8Array;
  /** The version that the row must have; 0: it must not exist. Left out: any. */
  readonly ifVersion?: number;
  /** The version that the row's newest change must have, tombstones included; 0: there must be none. In place of `ifVersion`. */
  readonly ifNewest?: number;
  /** A put of exactly what the row holds (head and data) changes nothing. Default false. */
  readonly skipEqual?: boolean;
}

/** What became of a change. */
export type RowOutcome =
  | {
      readonly type: "written";
      readonly id: string;
      readonly version: number;
      /** Whether there was such a row before. */ readonly existed: boolean;
    }
  /** A delete of what did not exist, or an equal put: the row as it is, version 0 if there is none. */
  | { readonly type: "unchanged"; readonly id: string; readonly version: number }
  | { readonly type: "version-mismatch"; readonly actualVersion: number }
  /** Another key has this id, or this key another id. */
  | { readonly type: "id-taken" };

export interface CommitResult {
  /** One for each mutation, in order. In an atomic commit that failed, the others say `unchanged`. */
  readonly outcomes: readonly RowOutcome[];
  /** Newest version of the store after the commit: a snapshot that holds all of it. */
  readonly version: number;
  /** False: nothing was written, because the commit was atomic and one mutation failed. */
  readonly committed: boolean;
}

export interface RowScan {
  readonly collection: string;
  /** All rows as they were at this version. Default: as they are. */
  readonly snapshot?: number;
  /** Only keys from this one on … */
  readonly startKey?: string;
  /** … and before this one. */
  readonly endKey?: string;
  readonly prefix?: string;
  /** Only keys after this one in the direction of the scan. */
  readonly afterKey?: string;
  readonly descending?: boolean;
  readonly keysOnly?: boolean;
  readonly maxRows: number;
  /** Of heads and data; one row may be larger. */
  readonly maxBytes: number;
}

/** Where a row lies in a buffer: its key in UTF-8, its head and its data, one after the other. */
export interface PackedRow {
  readonly keyAt: number;
  readonly headAt: number;
  readonly dataAt: number;
  readonly end: number;
  readonly version: number;
  readonly updatedAtMs: number;
  /** A number up to 2⁵³ − 1. */
  readonly idNumber: number | bigint;
}

/** Rows in one buffer, for who copies them as they are: an object for each would cost more than the copy. */
export interface PackedRows {
  readonly buffer: Buffer;
  readonly count: number;
  /** Calls `use` with each; what it is given is good until the next. */
  forEach(use: (row: PackedRow) => void): void;
  /** Key of the last one; `undefined` if there is none. */
  readonly lastKey: string | undefined;
  /**
   * Gives the memory back at once: garbage of this size would have the whole heap collected for it. The page that they
   * are of is not to be used after that.
   */
  release(): void;
}

export interface RowPage {
  /** In bytewise order of key (or backwards); no tombstones. Made when they are asked for, if the page is `packed`. */
  readonly rows: readonly Row[];
  /** The same rows, if the store has them so. */
  readonly packed?: PackedRows;
  /** There are no more. */
  readonly exhausted: boolean;
}

export interface ChangeScan {
  readonly collection: string;
  /** Only changes after this version. */
  readonly afterVersion: number;
  /**
   * For those who began with nothing, from version 0 on, and are not through yet: the version of the store when they
   * did. Tombstones from before that are nothing to them. Default 0.
   */
  readonly beganAt?: number;
  readonly maxRows: number;
  readonly maxBytes: number;
}

export interface ChangePage {
  /** The newest change of each row that changed, tombstones included, in order of version. */
  readonly rows: readonly Row[];
  /** Everything up to this version has been given: go on from it. */
  readonly scannedTo: number;
  readonly exhausted: boolean;
}

/** What a collection holds; estimates. */
export interface CollectionSize {
  readonly rows: number;
  readonly dataBytes: number;
  /** Newest version in it; 0 if nothing was ever written. */
  readonly version: number;
}

/** The snapshot is older than what the store still holds. */
export class SnapshotExpired extends Error {
  override readonly name = "SnapshotExpired";
  readonly version: number;
  /** Oldest version that can still be read at. */
  readonly oldestVersion: number;

  constructor(version: number, oldestVersion: number) {
    super(`version ${String(version)} is gone; the oldest that can be read is ${String(oldestVersion)}`);
    this.version = version;
    this.oldestVersion = oldestVersion;
  }
}

/** Called with the newest version after each commit, and the collections it touched. Must not throw or wait. */
export type CommitListener = (version: number, collections: ReadonlySet<string>) => void;

/**
 * Rows in named collections, sorted by key, with the versions they had: readers see one snapshot while
 * writers go on. Collections need not be made; their names are the caller's, who keeps what it knows of
 * them elsewhere. Linearizable.
 */
export interface ItemStore extends AsyncDisposable {
  /**
   * Applies mutations in order; those that are written get consecutive versions. Resolves once they are durable; concurrent commits share the cost of that.
   *
   * @param options.atomic all or none; otherwise each succeeds or fails by itself
   * @throws ServiceError `QUOTA_EXCEEDED` if the disk is full, `BACKEND_UNAVAILABLE` if the store cannot write
   * @throws {TypeError} if a key, an id or a version is none, see `checkMutations`: nothing is written then
   */
  commit(mutations: readonly RowMutation[], options: { readonly atomic: boolean }): Promise<CommitResult>;

  /** A row as it is, or as it was at `snapshot`; `undefined` if there is none or it is deleted. */
  get(
    collection: string,
    row: { readonly key: string } | { readonly id: string },
    snapshot?: number,
  ): Promise<Row | undefined>;

  /** Rows as they are, tombstones included; `undefined` where there never was one. */
  getAll(collection: string, keys: readonly string[]): Promise<readonly (Row | undefined)[]>;

  /** @throws {SnapshotExpired} */
  scan(scan: RowScan): Promise<RowPage>;

  /** @throws {SnapshotExpired} if tombstones after `afterVersion` have been removed that the reader needs */
  changes(scan: ChangeScan): Promise<ChangePage>;

  size(collection: string): Promise<CollectionSize>;

  /** Newest version of the store; a snapshot. */
  version(): Promise<number>;

  /**
   * Removes all rows of a collection with their versions: at once for all who read, snapshots too. What they take is
   * freed a bounded number at a time: call it until it returns 0. What is left then, `vacuum` frees.
   */
  drop(collection: string): Promise<number>;

  /**
   * Removes versions that were replaced before `beforeMs`, and tombstones of `collection`s that were made before
   * `tombstonesBeforeMs(collection)` (default: the same moment), and what is left of dropped collections. A bounded
   * number at a time: call it until it returns 0.
   */
  vacuum(beforeMs: number, tombstonesBeforeMs?: (collection: string) => number): Promise<number>;

  /** Listens until it is disposed of. */
  follow(listener: CommitListener): Disposable;

  /** Waits for commits under way and closes the store. */
  [Symbol.asyncDispose](): Promise<void>;
}
