import { CancelledError, InternalError, StreamingError } from "../errors.js";
import { ChangeFeed } from "./change-feed.js";
import {
  checkDocumentId,
  checkPutOptions,
  checkDocumentQueryOptions,
  checkSyncedOptions,
  contentOf,
} from "./check-sync-options.js";
import { unpackConflict } from "./conflict-record.js";
import { toConflict, toDocument } from "./document-view.js";
import { type Changed, LocalReplica } from "./local-replica.js";
import type { LocalWrite } from "./local-write.js";
import { ReplicaSession, SYNC_METHOD } from "./replica-session.js";
import type { ReplicaStore } from "./replica-store.js";
import { keyOf, Table } from "./replica-tables.js";
import type { SyncDeps } from "./sync-api.js";
import { SyncedWaiters } from "./synced-waiters.js";
import type {
  DocumentContent,
  DocumentWrite,
  OpenReplicaOptions,
  PutDocumentOptions,
  DocumentQueryOptions,
  Replica,
  ReplicaCollection,
  ReplicaStatus,
  SyncChangeEvent,
  SyncConflict,
  SyncDocument,
  SyncedOptions,
} from "./types.js";

const DEFAULT_HEARTBEAT_MS = 5000;

/** Changes that are made together. */
const MAX_WRITES = 500;
const MAX_WRITE_BYTES = 1024 * 1024;

/** Conflicts that are read at a time. */
const PAGE = 100;

/** A replica as its owner has it; a session keeps it synchronized meanwhile. */
export class OpenedReplica implements Replica {
  readonly #local: LocalReplica;
  readonly #store: ReplicaStore;
  readonly #options: OpenReplicaOptions;
  readonly #deps: SyncDeps;
  readonly #session: ReplicaSession;
  readonly #feeds = new Map<string, Set<ChangeFeed>>();
  readonly #waiters: SyncedWaiters;
  readonly #ended = new AbortController();
  /** Settles when nothing of the session runs any more. */
  readonly #running: Promise<void>;
  #state: ReplicaStatus["state"] = "offline";
  #syncedAt: Date | undefined;
  #error: StreamingError | undefined;
  #told = "";
  #closing: Promise<void> | undefined;

  /** @param filters by collection, those that are followed */
  constructor(deps: SyncDeps, store: ReplicaStore, filters: ReadonlyMap<string, string>, options: OpenReplicaOptions) {
    this.#deps = deps;
    this.#store = store;
    this.#options = options;
    this.#local = new LocalReplica(store, filters, () => deps.clock.now());
    this.#waiters = new SyncedWaiters(deps.clock);
    this.#session = new ReplicaSession(deps, {
      local: this.#local,
      heartbeatMs: options.heartbeatMs ?? DEFAULT_HEARTBEAT_MS,
      headers: options.headers,
      resume: options.resume,
      signal: this.#ended.signal,
      onConnected: () => this.#become("syncing", undefined),
      onLost: (error) => this.#become("offline", error),
      onPushed: () => this.#tellStatus(),
      onCheckpoint: (changed) => this.#onCheckpoint(changed),
    });
    this.#running = this.#session.run().catch((error: unknown) => this.#onEnd(error));
  }

  get replicaId(): string {
    return this.#local.identity.replicaId;
  }

  get status(): ReplicaStatus {
    const { pendingChanges } = this.#local;
    return { state: this.#state, pendingChanges, syncedAt: this.#syncedAt, error: this.#error };
  }

  collection(name: string): ReplicaCollection {
    this.#checkFollowed(name);
    return {
      name,
      get: (id) => this.#get(name, id),
      query: (options) => this.#query(name, options),
      put: async (id, content, options) => this.#put(name, id, content, options),
      delete: async (id) => this.write([{ collection: name, id, delete: true }]),
      changes: (options) => this.#changes(name, options?.signal),
      conflicts: () => this.#conflicts(name),
      dismissConflict: async (id) => {
        this.#throwIfClosed();
        await this.#store.write([{ type: "delete", table: Table.CONFLICTS, key: keyOf(name, id) }]);
      },
    };
  }

  async write(writes: readonly DocumentWrite[]): Promise<void> {
    const local = writes.map((write): LocalWrite => {
      const { collection, id } = write;
      this.#checkFollowed(collection);
      checkDocumentId(id);
      return { collection, id, put: write.delete ? undefined : contentOf(write.put, write.contentType) };
    });
    checkTogether(local);
    this.#throwIfClosed();
    const { keys, durable } = this.#local.write(local);
    this.#tellChanged(keys);
    await durable;
    // Not before it is durable: what the server has, the replica must not forget.
    this.#session.push();
    this.#tellStatus();
  }

  synced(options: SyncedOptions = {}): Promise<void> {
    checkSyncedOptions(options);
    if (this.#state === "closed" || this.#state === "failed") return Promise.reject(this.#error ?? closed());
    return this.#waiters.wait(options, this.#local.madeChanges, () => this.#session.askForCheckpoint());
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #get(collection: string, id: string): SyncDocument | undefined {
    checkDocumentId(id);
    this.#throwIfClosed();
    const record = this.#local.get(collection, id);
    return record && toDocument(collection, id, record);
  }

  *#query(collection: string, options: DocumentQueryOptions = {}): Generator<SyncDocument> {
    checkDocumentQueryOptions(options);
    const { prefix = "", where, limit = Infinity } = options;
    let count = 0;
    this.#throwIfClosed();
    for (const { id, record } of this.#local.documents(collection, prefix)) {
      if (count >= limit) return;
      const document = toDocument(collection, id, record);
      if (where?.(document) === false) continue;
      count += 1;
      yield document;
      this.#throwIfClosed();
    }
  }

  async #put(collection: string, id: string, put: DocumentContent, options: PutDocumentOptions = {}): Promise<void> {
    checkPutOptions(options);
    await this.write([{ collection, id, put, ...options }]);
  }

  #changes(collection: string, signal: AbortSignal | undefined): AsyncIterable<SyncChangeEvent> {
    this.#throwIfClosed();
    const feeds = this.#feeds.get(collection) ?? new Set();
    this.#feeds.set(collection, feeds);
    const onClose = (): void => {
      feeds.delete(feed);
      signal?.removeEventListener("abort", feed.close);
    };
    const feed = new ChangeFeed(collection, (id) => this.#get(collection, id), onClose);
    feeds.add(feed);
    signal?.addEventListener("abort", feed.close, { once: true });
    if (signal?.aborted === true) feed.close();
    return feed;
  }

  *#conflicts(collection: string): Generator<SyncConflict> {
    const prefix = keyOf(collection, "");
    this.#throwIfClosed();
    for (let after: string | undefined; ;) {
      const page = this.#store.scan(Table.CONFLICTS, { prefix, limit: PAGE, ...(after !== undefined && { after }) });
      for (const { value } of page) yield toConflict(unpackConflict(value));
      if (page.length < PAGE) return;
      after = page.at(-1)?.key;
      this.#throwIfClosed();
    }
  }

  #onCheckpoint({ keys, reloaded, refused }: Changed): void {
    this.#syncedAt = new Date(this.#deps.clock.now());
    this.#tellChanged(keys);
    for (const name of reloaded) for (const feed of this.#feeds.get(name) ?? []) feed.reload();
    for (const { collection, id } of refused) this.#tellConflict(keyOf(collection, id));
    this.#waiters.onCheckpoint(this.#session.answered, (madeChanges) => this.#local.isSettled(madeChanges));
    this.#become(this.#local.pendingChanges === 0 ? "live" : "syncing", undefined);
  }

  #tellChanged(keys: ReadonlySet<string>): void {
    if (this.#feeds.size === 0) return;
    for (const key of keys) {
      const slash = key.indexOf("/");
      for (const feed of this.#feeds.get(key.slice(0, slash)) ?? []) feed.changed(key.slice(slash + 1));
    }
  }

  #tellConflict(key: string): void {
    const bytes = this.#store.get(Table.CONFLICTS, key);
    if (bytes !== undefined) this.#options.onConflict?.(toConflict(unpackConflict(bytes)));
  }

  #become(state: ReplicaStatus["state"], error: unknown): void {
    if (this.#state === "closed") return;
    this.#state = state;
    this.#error = error === undefined ? undefined : asStreamingError(error);
    this.#tellStatus();
  }

  #tellStatus(): void {
    const { status } = this;
    const told = JSON.stringify([status.state, status.pendingChanges, status.error?.message]);
    if (told === this.#told) return;
    this.#told = told;
    this.#options.onStatus?.(status);
  }

  #onEnd(error: unknown): void {
    this.#become("failed", error);
    this.#waiters.fail(asStreamingError(error));
  }

  async #close(): Promise<void> {
    const isFailed = this.#state === "failed";
    this.#state = "closed";
    this.#ended.abort();
    await this.#running;
    if (!isFailed) this.#error = undefined;
    this.#waiters.fail(closed());
    for (const feeds of this.#feeds.values()) for (const feed of feeds) feed.close();
    await this.#store[Symbol.asyncDispose]();
    this.#tellStatus();
  }

  #checkFollowed(name: string): void {
    if (!this.#local.followed.has(name)) throw new TypeError(`collection ${JSON.stringify(name)} is not followed`);
  }

  #throwIfClosed(): void {
    if (this.#state === "closed") throw closed();
  }
}

function checkTogether(writes: readonly LocalWrite[]): void {
  const bytes = writes.reduce((sum, { put }) => sum + (put?.content.byteLength ?? 0), 0);
  if (writes.length > MAX_WRITES)
    throw new RangeError(`${String(writes.length)} changes are more than ${String(MAX_WRITES)}`);
  if (writes.length > 1 && bytes > MAX_WRITE_BYTES) {
    throw new RangeError(`changes of ${String(bytes)} bytes are more than ${String(MAX_WRITE_BYTES)}`);
  }
}

function closed(): StreamingError {
  return new CancelledError("the replica is closed", { method: SYNC_METHOD });
}

function asStreamingError(error: unknown): StreamingError {
  if (StreamingError.is(error)) return error;
  return new InternalError("the replica failed", { method: SYNC_METHOD, cause: error });
}
