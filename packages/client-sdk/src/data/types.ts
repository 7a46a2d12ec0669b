import type { CallOptions, ResumePolicy } from "../options.js";
import type { StreamingError } from "../errors.js";

/**
 * An item of a dataset. It may hold the whole message that it came with, and `data` may be a view of that: copy what is
 * kept for long. Take fields by name: a listed item reads each from the message when it is asked for, so that a spread
 * (`{ ...item }`) copies none.
 */
export interface DataItem {
  /** Number, unique in its dataset; decimal, because it may exceed 2^53. */
  readonly id: string;
  /** Unique in its dataset; the id if the writer gave none. */
  readonly key: string;
  /** Empty if it was not asked for. */
  readonly data: Uint8Array;
  /** Media type of `data`; empty if the writer gave none. */
  readonly contentType: string;
  /** Grows each time that the item changes. */
  readonly version: number;
  readonly updatedAt: Date;
  readonly attributes: Readonly<Record<string, string>>;
  /** For people; empty if the writer gave none. */
  readonly name: string;
  /** `data` as UTF-8. */
  text(): string;
  /**
   * `data` as JSON.
   *
   * @throws {SyntaxError} if it is none
   */
  json(): unknown;
}

/** An item to be stored, with content as `data` or as `json`. */
export interface OutgoingItem {
  /** At most 1024 bytes. What the dataset has under this key is replaced. Default: the id. */
  readonly key?: string;
  /** Number of the item. Default: the one it has, or one that the server chooses. */
  readonly id?: string;
  /** Bytes, or text that is sent as UTF-8. Default: empty. */
  readonly data?: Uint8Array | string;
  /** Sent as JSON text. */
  readonly json?: unknown;
  /** Default: `application/json` with `json`, else none. */
  readonly contentType?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** For people. Default: none. */
  readonly name?: string;
}

/** An item by its key, or by its number. */
export type ItemReference = string | { readonly id: string };

/** One change of one item. */
export type ItemMutation = (
  | { readonly put: OutgoingItem; readonly delete?: never }
  | { readonly delete: string; readonly put?: never }
) & {
  /** Fails with ABORTED unless the item has this version; 0: it must not exist. */
  readonly ifVersionMatch?: number;
};

/** Where an item is after a change. */
export interface StoredItem {
  readonly id: string;
  readonly version: number;
}

/** What became of one change. */
export type MutationOutcome = StoredItem | { readonly error: StreamingError };

export interface GetItemOptions extends CallOptions {
  /** Default: `default`. */
  readonly dataset?: string;
  /** Of JSON items only these top-level fields or dotted paths. Default: all. */
  readonly fields?: readonly string[];
  /** Gives `undefined` if the item still has this version. */
  readonly ifVersionNotMatch?: number;
}

export interface ListItemsOptions extends Pick<CallOptions, "signal" | "headers" | "idleTimeoutMs"> {
  /** Default: `default`. */
  readonly dataset?: string;
  /** The `position` of another listing with the same selection: goes on after it. Default: the beginning. */
  readonly from?: string;
  /** Most items. Default: all. */
  readonly limit?: number;
  /** CEL over `item` (key, id, version, update_time, attributes) and, for JSON items, `data`. */
  readonly filter?: string;
  /** Of JSON items only these top-level fields or dotted paths. Default: all. */
  readonly fields?: readonly string[];
  /** Only keys that start with this. */
  readonly prefix?: string;
  /** Only keys at or after this. */
  readonly startKey?: string;
  /** Only keys before this. */
  readonly endKey?: string;
  /** Descending order of key. Default false. */
  readonly descending?: boolean;
  /** Leaves out `data`. Default false. */
  readonly keysOnly?: boolean;
  /**
   * `snapshot`: all items as of the beginning, also after a restart. `eventual`: each batch as of its own time,
   * with nothing that expires. Default `snapshot`.
   */
  readonly consistency?: "snapshot" | "eventual";
  /** What the server puts into one message, in bytes, about. Default 262_144; at most 2_097_152. */
  readonly batchBytes?: number;
  /** `false`: the first failure is final. Default: the client's policy. */
  readonly resume?: ResumePolicy | false;
}

/** Options of a change: it is tried until its outcome is known, which is safe because it has a key of its own. */
export interface WriteItemOptions extends Pick<CallOptions, "signal" | "headers" | "timeoutMs"> {
  /** Default: `default`. Any other must exist. */
  readonly dataset?: string;
  /** `false`: the first failure is final. Default: the client's policy. */
  readonly resume?: ResumePolicy | false;
}

export interface ChangeItemOptions extends WriteItemOptions {
  /** Fails with ABORTED unless the item has this version; 0: it must not exist. */
  readonly ifVersionMatch?: number;
}

export interface MutateOptions extends WriteItemOptions {
  /** All changes or none. Default false: each by itself. */
  readonly atomic?: boolean;
  /** A later call with the same key gives the outcome of the first, for 24 h. Default: a new one. */
  readonly idempotencyKey?: string;
}

/** How far an import is. */
export interface ImportProgress {
  /** Items that are durable. */
  readonly storedItems: number;
  /** Content of the items that are durable, in bytes. */
  readonly storedBytes: number;
  /** Items that the server refused. */
  readonly rejectedItems: number;
  /** Rate of `storedBytes` over the last seconds. */
  readonly bytesPerSecond: number;
}

export interface ImportOptions<T extends OutgoingItem = OutgoingItem> extends Pick<CallOptions, "signal" | "headers"> {
  /** Default: `default`. Any other must exist. */
  readonly dataset?: string;
  /** Most items of one request. Default 500; at most 10_000. */
  readonly maxBatchItems?: number;
  /** Most bytes of one request; a larger item is sent alone. Default 1_048_576; at most 3_145_728. */
  readonly maxBatchBytes?: number;
  /** Requests under way at the same time. Default 4; at most 64. */
  readonly maxInFlight?: number;
  /** Called whenever items have become durable or were refused. What it throws fails the import. */
  readonly onProgress?: (progress: ImportProgress) => void;
  /** Called for each item that the server refused. Default: the import fails with the first. */
  readonly onRejected?: (item: T, error: StreamingError) => void;
  /** `false`: the first failure is final. Default: the client's policy, for each request. */
  readonly resume?: ResumePolicy | false;
}

/** A finished import. */
export interface ImportResult {
  readonly storedItems: number;
  readonly storedBytes: number;
  readonly rejectedItems: number;
}

export interface DatasetInfo {
  /** 1 to 128 of a-z, 0-9, `-`, `_`. */
  readonly name: string;
  /** An estimate. */
  readonly itemCount: number;
  /** Content of all items; an estimate. */
  readonly sizeBytes: number;
  readonly createdAt: Date;
  /** Version of its newest change. */
  readonly version: number;
}

export interface ListDatasetsOptions extends CallOptions {
  /** Datasets fetched at a time. Default 100, at most 1000. */
  readonly pageSize?: number;
}

export interface DeleteDatasetOptions extends CallOptions {
  /** Succeeds if there is no such dataset. Default false. */
  readonly allowMissing?: boolean;
}
