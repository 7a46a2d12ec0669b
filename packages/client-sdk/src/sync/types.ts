import type { StreamingError } from "../errors.js";
import type { HeaderMap } from "../rpc/transport.js";
import type { CallOptions, ResumePolicy } from "../options.js";
import type { ReplicaStore } from "./replica-store.js";

/** What happens to concurrent changes of a document. See docs/protocol.md. */
export type SyncPolicy = "last-writer-wins" | "field-last-writer-wins" | "reject" | "keep-siblings" | "merge-function";

/** A collection of the server. */
export interface SyncCollectionInfo {
  readonly name: string;
  readonly policy: SyncPolicy;
  /** How long deletions are remembered, in milliseconds: a replica that was away for longer loads everything again. */
  readonly tombstoneRetentionMs: number;
  /** An estimate. */
  readonly documentCount: number;
}

export interface CreateSyncCollectionOptions extends CallOptions {
  /** Fixed from then on. Default: `last-writer-wins`. */
  readonly policy?: SyncPolicy;
  /** In milliseconds. Default: 30 days; 1 second to 10 years. */
  readonly tombstoneRetentionMs?: number;
}

export interface ListSyncOptions extends CallOptions {
  /** Most entries to fetch at a time. Default 100; at most 1000. */
  readonly pageSize?: number;
}

/** A document as the server has it. */
export interface ServerDocument extends SyncVersion {
  readonly collection: string;
  readonly id: string;
  /** With `keep-siblings`: other versions, which were written at the same time. */
  readonly siblings: readonly SyncVersion[];
  /** The versions that this is: of each replica that wrote one, its newest. */
  readonly includes: Readonly<Record<string, number>>;
}

/** What takes the place of siblings. */
export type Resolution =
  | { readonly put: DocumentContent; readonly contentType?: string; readonly delete?: undefined }
  | { readonly delete: true; readonly put?: undefined };

export type ResolveOptions = CallOptions;

/** One version of a document. */
export interface SyncVersion {
  readonly data: Uint8Array;
  readonly contentType: string;
  /** By the clock of its writer. */
  readonly updatedAt: Date;
  /** Who wrote it, as the server knows; empty for an anonymous caller, and for what has not reached the server. */
  readonly userId: string;
  readonly text: () => string;
  /** @throws {SyntaxError} if it is not JSON */
  readonly json: () => unknown;
}

/** A document of a replica. */
export interface SyncDocument extends SyncVersion {
  readonly collection: string;
  readonly id: string;
  /** The replica changed it, and the server has not said what became of that. */
  readonly isPending: boolean;
  /** With `keep-siblings`: versions that were written at the same time as this one. Writing replaces them all. */
  readonly siblings: readonly SyncVersion[];
}

/** A change that the server refused. The document is as the server has it; what was wanted is kept here. */
export interface SyncConflict {
  readonly collection: string;
  readonly id: string;
  /** What was to be written; `undefined`: the document was to be deleted. */
  readonly mine: SyncVersion | undefined;
  /** From the server's list, such as `REVISION_MISMATCH`: the document has been changed by somebody else. */
  readonly reason: string;
  readonly message: string;
}

/** A document is not what it was. */
export interface SyncDocumentChange {
  readonly type: "changed";
  readonly collection: string;
  readonly id: string;
  /** As it is now; `undefined`: it is deleted, or does not match the filter any more. */
  readonly document: SyncDocument | undefined;
}

/** Too much has changed for a reader that was slow: whoever keeps something of the collection has to read it again. */
export interface SyncReload {
  readonly type: "reload";
  readonly collection: string;
}

export type SyncChangeEvent = SyncDocumentChange | SyncReload;

/** How it stands with a replica. */
export interface ReplicaStatus {
  /**
   * `offline`: works on its own, and tries to connect. `syncing`: connected, and not up to date. `live`: up to date.
   * `failed`: works on its own for good, see `error`. `closed`: does not work any more.
   */
  readonly state: "offline" | "syncing" | "live" | "failed" | "closed";
  /** Changes of which the server has not said what became of them. */
  readonly pendingChanges: number;
  /** When the replica last had everything that the server had. */
  readonly syncedAt: Date | undefined;
  /** Why it is `offline` or `failed`, if that is known. */
  readonly error: StreamingError | undefined;
}

/** A collection to follow. */
export interface FollowedCollection {
  readonly name: string;
  /** CEL over `doc` and `data`: only these documents. Default: all. */
  readonly filter?: string;
}

export interface OpenReplicaOptions {
  /** The collections to follow: 1 to 100. They have to exist once the replica connects. */
  readonly collections: readonly (string | FollowedCollection)[];
  /** File in which the replica is kept, by one process at a time; made if it is missing. Needs `node:sqlite`: Node 22.13 or newer. A copy of it becomes a replica of its own once it is connected. */
  readonly path?: string;
  /** Keeps the replica, in place of `path`. Default: memory; the replica is gone when it is closed. */
  readonly store?: ReplicaStore;
  /** Called with each conflict when it is known, once. Must not throw. */
  readonly onConflict?: (conflict: SyncConflict) => void;
  /** Called when the status changes. Must not throw. */
  readonly onStatus?: (status: ReplicaStatus) => void;
  /** Between two signs of life of the server, in milliseconds; 2.5 of them missing count as a lost connection. Default 5000; 0: none. */
  readonly heartbeatMs?: number;
  readonly headers?: HeaderMap;
  /** Default: tries for ever. */
  readonly resume?: ResumePolicy | false;
}

/** What is written: JSON, or bytes as they are. */
export type DocumentContent = unknown;

export interface PutDocumentOptions {
  /** Default: `application/json`, of bytes `application/octet-stream`. */
  readonly contentType?: string;
}

/** One of several changes that are made together. */
export type DocumentWrite =
  | {
      readonly collection: string;
      readonly id: string;
      readonly put: DocumentContent;
      readonly contentType?: string;
      readonly delete?: undefined;
    }
  | { readonly collection: string; readonly id: string; readonly delete: true; readonly put?: undefined };

export interface DocumentQueryOptions {
  /** Only documents whose id begins so. */
  readonly prefix?: string;
  /** Only these documents. */
  readonly where?: (document: SyncDocument) => boolean;
  readonly limit?: number;
}

/** Documents of one collection, as the replica has them: no call to the server is made. */
export interface ReplicaCollection {
  readonly name: string;
  get(id: string): SyncDocument | undefined;
  /** Documents in bytewise order of id, read page by page as the loop goes on. */
  query(options?: DocumentQueryOptions): Iterable<SyncDocument>;
  /**
   * Writes a document. Visible at once; resolves when it is durable here. The server gets it when it can be reached.
   *
   * @throws {TypeError} for an id that is none, and content that is not JSON
   * @throws {RangeError} for content of more than 1 MiB
   */
  put(id: string, content: DocumentContent, options?: PutDocumentOptions): Promise<void>;
  /** Deletes a document. Of one that does not exist nothing is done. */
  delete(id: string): Promise<void>;
  /**
   * What changes from now on, be it here or elsewhere. Ends when the replica is closed. A document that changes several
   * times before the loop gets to it comes once; the ids of 10_000 wait at most.
   */
  changes(options?: { readonly signal?: AbortSignal }): AsyncIterable<SyncChangeEvent>;
  /** Changes that the server refused, until they are dismissed. */
  conflicts(): Iterable<SyncConflict>;
  dismissConflict(id: string): Promise<void>;
}

export interface SyncedOptions {
  /** In milliseconds. Default: none. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Documents here that are those of the server, sooner or later. */
export interface Replica extends AsyncDisposable {
  /** Identity of the replica on the server. Changes if the server has forgotten it. */
  readonly replicaId: string;
  readonly status: ReplicaStatus;
  /** @throws {TypeError} for a collection that is not followed */
  collection(name: string): ReplicaCollection;
  /**
   * Makes up to 500 changes, 1 MiB of content in all: here all at once, and at the server in one commit, each by the
   * policy of its collection.
   */
  write(writes: readonly DocumentWrite[]): Promise<void>;
  /**
   * Resolves when the server has everything that was written here before, and the replica everything that the server
   * had meanwhile.
   *
   * @throws {StreamingError} DEADLINE_EXCEEDED; what the replica failed with; AbortError
   */
  synced(options?: SyncedOptions): Promise<void>;
  /** Ends the connection and closes the store. What is pending goes on when the replica is opened again. */
  close(): Promise<void>;
}
