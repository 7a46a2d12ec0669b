/** A row of a replica's store. */
export interface ReplicaRow {
  readonly key: string;
  readonly value: Uint8Array;
}

/** One change of a replica's store. */
export type ReplicaWrite =
  | { readonly type: "put"; readonly table: string; readonly key: string; readonly value: Uint8Array }
  | { readonly type: "delete"; readonly table: string; readonly key: string }
  /** All rows whose keys begin so. */
  | { readonly type: "clear"; readonly table: string; readonly prefix: string }
  /** Rows whose keys begin so go from one table to another. One whose first byte is 0 deletes the row there. */
  | { readonly type: "move"; readonly from: string; readonly to: string; readonly prefix: string };

export interface ReplicaScan {
  readonly prefix?: string;
  /** Only keys after this one. */
  readonly after?: string;
  readonly limit: number;
}

/**
 * Where a replica is kept: rows by table and key, bytewise ordered by the UTF-8 form of the key. Used by one replica
 * at a time. Reads are synchronous, so that what is read and what is written because of it are one step.
 */
export interface ReplicaStore extends AsyncDisposable {
  get(table: string, key: string): Uint8Array | undefined;
  scan(table: string, scan: ReplicaScan): readonly ReplicaRow[];
  /**
   * Makes all changes, in order, or none; reads see them at once. Resolves when they are durable, together with those
   * before them.
   */
  write(writes: readonly ReplicaWrite[]): Promise<void>;
  /** Waits for what was written. */
  [Symbol.asyncDispose](): Promise<void>;
}
