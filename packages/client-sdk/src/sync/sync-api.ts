import type { CallOptions } from "../options.js";
import type { ResumingRpc } from "../rpc/resuming-rpc.js";
import { createCollection, listCollections } from "./collections.js";
import { getServerDocument, listConflicts, resolveConflict } from "./conflicts.js";
import { openReplica } from "./open-replica.js";
import type {
  CreateSyncCollectionOptions,
  ListSyncOptions,
  OpenReplicaOptions,
  Replica,
  Resolution,
  ResolveOptions,
  ServerDocument,
  SyncCollectionInfo,
} from "./types.js";

/** What synchronization is made of. */
export type SyncDeps = ResumingRpc;

/** Documents that are kept here and on the server, and changed on both sides. */
export interface SyncApi {
  /**
   * Opens a replica, which works at once and without a connection, and synchronizes it in the background until it is
   * closed. Needs no server for that: it goes on by itself when there is one.
   *
   * @throws {TypeError} for options that are none
   * @throws {StreamingError} FAILED_PRECONDITION if the file of `path` is in use or cannot be opened, or there is no `node:sqlite`
   */
  open(options: OpenReplicaOptions): Promise<Replica>;
  readonly collections: SyncCollectionsApi;
  /**
   * A document as the server has it now.
   *
   * @throws {StreamingError} NOT_FOUND
   */
  getDocument(collection: string, id: string, options?: CallOptions): Promise<ServerDocument>;
  /** Ids of the documents of a collection that have siblings, fetched page by page as the loop goes on. */
  conflicts(collection: string, options?: ListSyncOptions): AsyncIterable<string>;
  /**
   * Puts one version in place of those of `document`, or deletes it. Other versions, which came meanwhile, stay.
   *
   * @returns whether the document has one version now
   * @throws {StreamingError} NOT_FOUND; INVALID_ARGUMENT for a collection that keeps no siblings
   */
  resolve(document: ServerDocument, resolution: Resolution, options?: ResolveOptions): Promise<boolean>;
}

/** Collections of the server. */
export interface SyncCollectionsApi {
  /** @throws {StreamingError} ALREADY_EXISTS if there is one of that name */
  create(name: string, options?: CreateSyncCollectionOptions): Promise<SyncCollectionInfo>;
  /** All collections in order of name, fetched page by page as the loop goes on. */
  list(options?: ListSyncOptions): AsyncIterable<SyncCollectionInfo>;
}

/** The object behind `client.sync`. */
export function createSyncApi(deps: SyncDeps): SyncApi {
  return {
    open: (options) => openReplica(deps, options),
    collections: {
      create: (name, options) => createCollection(deps, name, options),
      list: (options) => listCollections(deps, options),
    },
    getDocument: (collection, id, options) => getServerDocument(deps, collection, id, options),
    conflicts: (collection, options) => listConflicts(deps, collection, options),
    resolve: (document, resolution, options) => resolveConflict(deps, document, resolution, options),
  };
}
