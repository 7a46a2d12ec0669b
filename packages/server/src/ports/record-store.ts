/** A record as it is stored. */
export interface StoredRecord {
  readonly key: string;
  /** 1 after the first write of the key, one more with each later write. */
  readonly version: number;
  /** Opaque to the store; callers keep JSON here so that an operator can read it. */
  readonly value: string;
}

/** One write of a commit. */
export interface Mutation {
  /** Namespace of the key, such as `files`: lower-case letters. */
  readonly collection: string;
  readonly key: string;
  /** New value; `undefined` deletes the record. */
  readonly value: string | undefined;
  /**
   * The commit fails unless the record has this version now; 0 means that it must not exist.
   * Left out: any version.
   */
  readonly ifVersion?: number;
}

export interface ScanOptions {
  /** Only keys that start with this. */
  readonly prefix?: string;
  /** Only keys after this one. */
  readonly after?: string;
  /** Most records to return. */
  readonly limit: number;
}

/** A precondition of a commit did not hold; nothing was written. */
export class VersionConflict extends Error {
  override readonly name = "VersionConflict";
  readonly mutation: Mutation;
  readonly actualVersion: number;

  constructor(mutation: Mutation, actualVersion: number) {
    super(
      `${mutation.collection}/${mutation.key} has version ${String(actualVersion)}, not ${String(mutation.ifVersion)}`,
    );
    this.mutation = mutation;
    this.actualVersion = actualVersion;
  }
}

/**
 * Small records by key, with atomic commits. Keys sort bytewise by their UTF-8 form.
 * All methods are linearizable: a read that starts after a commit resolved sees it.
 */
export interface RecordStore extends AsyncDisposable {
  /** The record, or `undefined` if there is none. */
  get(collection: string, key: string): Promise<StoredRecord | undefined>;

  /** Records in ascending order of key. */
  scan(collection: string, options: ScanOptions): Promise<readonly StoredRecord[]>;

  /**
   * Applies all mutations or none. Resolves once they are durable.
   *
   * @throws {VersionConflict} if a precondition does not hold
   * @throws ServiceError `QUOTA_EXCEEDED` if the disk is full, `BACKEND_UNAVAILABLE` if the store cannot write
   */
  commit(mutations: readonly Mutation[]): Promise<void>;

  /** Waits for commits under way and closes the store. */
  [Symbol.asyncDispose](): Promise<void>;
}
