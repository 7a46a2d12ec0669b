import { ChangeOperation, ServiceError, SyncChange, type SyncCollection } from "@millrace/shared-types";

import { type Row, SnapshotExpired } from "../ports/item-store.js";

import type { CollectionRecord } from "./collections.js";
import { readDocument, toChange, type StoredDocument } from "./document.js";
import { type DocumentFilter, documentFilterOf } from "./document-filter.js";
import { cursorOf, type FeedPosition, positionOf } from "./sync-cursor.js";
import type { SyncDeps } from "./sync-deps.js";

/** Of a message with changes. One document may be larger; a message may have 4 MiB. */
const MAX_BATCH_BYTES = 512 * 1024;
const MAX_BATCH_CHANGES = 500;

const NO_CHANGE: SyncChange = SyncChange.fromPartial({});

/** Changes that the replica made itself in this session. */
export interface OwnChanges {
  readonly replicaId: string;
  /** Those with a greater sequence: it hears what became of them. Grows when it turns out that it did not. */
  after: number;
}

/** The next changes of a collection. */
export interface FeedPage {
  readonly changes: readonly SyncChange[];
  /** Rows that were gone through, those that the replica is not told of too. */
  readonly rows: number;
  /** There are no more for now. */
  readonly exhausted: boolean;
}

const NOTHING: FeedPage = { changes: [], rows: 0, exhausted: false };

type FeedDeps = Pick<SyncDeps, "items" | "tokenSigner" | "clusterId" | "maxFilterChars">;

/** How far one replica is in one collection. The store is the buffer: nothing waits here. */
export class CollectionFeed {
  readonly collection: CollectionRecord;
  readonly #filter: string;
  readonly #matches: DocumentFilter;
  readonly #own: OwnChanges;
  readonly #deps: FeedDeps;
  #position: FeedPosition = { version: 0, beganAt: 0 };
  /** There may be changes to read. */
  isDirty = true;
  /** The replica has to begin anew, and has not been told. */
  #reset: ServiceError | undefined;

  private constructor(collection: CollectionRecord, filter: string, own: OwnChanges, deps: FeedDeps) {
    this.collection = collection;
    this.#filter = filter;
    this.#matches = documentFilterOf(filter, deps.maxFilterChars);
    this.#own = own;
    this.#deps = deps;
  }

  /**
   * Begins where the replica is. A cursor that is no good any more is a reset.
   *
   * @throws ServiceError `INVALID_FILTER`
   */
  static async open(
    collection: CollectionRecord,
    { cursor, filter }: SyncCollection,
    own: OwnChanges,
    deps: FeedDeps,
  ): Promise<CollectionFeed> {
    const feed = new CollectionFeed(collection, filter, own, deps);
    if (cursor === "") await feed.#beginAnew();
    else await feed.#goOnAt(cursor);
    return feed;
  }

  /** Where the replica is once it has all that was read. */
  get cursor(): string {
    return cursorOf(this.#position, this.#shape, this.#deps);
  }

  get version(): number {
    return this.#position.version;
  }

  /** Why the replica has to begin anew, told once. */
  takeReset(): ServiceError | undefined {
    const reset = this.#reset;
    this.#reset = undefined;
    return reset;
  }

  /** The version that a cursor of this feed means. @throws ServiceError `INVALID_CURSOR` */
  versionOf(cursor: string): number {
    return positionOf(cursor, this.#shape, this.#deps).version;
  }

  /** Reads the change of `version` again, and what follows it. */
  rewindBefore(version: number): void {
    const { version: reached, beganAt } = this.#position;
    if (version > reached) return;
    this.#position = { version: version - 1, beganAt };
    this.isDirty = true;
  }

  /** The replica has to begin anew: something that it has was deleted so long ago that nobody knows. */
  async beginAnew(): Promise<void> {
    await this.#startOver(tooLongAway());
  }

  /** Reads at most `room` changes. A replica that was away for too long begins anew: then there is a reset to take. */
  async read(room: number): Promise<FeedPage> {
    this.isDirty = false;
    const { version: afterVersion, beganAt } = this.#position;
    const limits = { maxRows: Math.max(1, Math.min(room, MAX_BATCH_CHANGES)), maxBytes: MAX_BATCH_BYTES };
    try {
      const scan = { collection: this.collection.documents, afterVersion, beganAt, ...limits };
      const { rows, scannedTo, exhausted } = await this.#deps.items.changes(scan);
      if (this.#reset !== undefined) return NOTHING; // it came meanwhile: first that is told
      // A rewind that came meanwhile counts.
      if (this.#position.version === afterVersion) this.#advance(Math.max(afterVersion, scannedTo), exhausted);
      return { changes: rows.flatMap((row) => this.#told(row, beganAt)), rows: rows.length, exhausted };
    } catch (error) {
      if (!(error instanceof SnapshotExpired)) throw error;
      await this.#startOver(tooLongAway());
      return NOTHING;
    }
  }

  #advance(version: number, exhausted: boolean): void {
    const { beganAt } = this.#position;
    this.#position = { version, beganAt: exhausted ? 0 : beganAt };
    if (!exhausted) this.isDirty = true;
  }

  /** What the replica is told of a row: nothing of what it never had. */
  #told(row: Row, beganAt: number): readonly SyncChange[] {
    const { key: docId, version: sequence } = row;
    const { name: collection } = this.collection;
    const isFirst = sequence <= beganAt;
    if (row.deleted && isFirst) return [];
    const document = readDocument(row);
    if (!row.deleted && !this.#matches(docId, document)) {
      return isFirst ? [] : [{ ...NO_CHANGE, collection, docId, operation: ChangeOperation.REMOVED, sequence }];
    }
    // Who begins anew gives up what it wrote itself, too.
    return !isFirst && this.#isOwn(document) ? [] : [toChange(collection, docId, document, sequence)];
  }

  #isOwn({ versions }: StoredDocument): boolean {
    const [{ replicaId, replicaSequence, isDerived }, ...others] = versions;
    if (isDerived === true) return false; // it does not have this content
    return others.length === 0 && replicaId === this.#own.replicaId && replicaSequence > this.#own.after;
  }

  async #goOnAt(cursor: string): Promise<void> {
    try {
      const position = positionOf(cursor, this.#shape, this.#deps);
      // After a restore of the server the replica may have seen more than there is.
      if (position.version > (await this.#deps.items.version())) await this.#startOver(fromTheFuture());
      else this.#position = position;
    } catch (error) {
      if (!(error instanceof ServiceError && error.reason === "INVALID_CURSOR")) throw error;
      await this.#startOver(error);
    }
  }

  /** No position of before is told after the reset. */
  async #startOver(why: ServiceError): Promise<void> {
    await this.#beginAnew();
    this.#reset = why;
  }

  async #beginAnew(): Promise<void> {
    this.#position = { version: 0, beganAt: await this.#deps.items.version() };
    this.isDirty = true;
  }

  get #shape() {
    return { documents: this.collection.documents, filter: this.#filter };
  }
}

function tooLongAway(): ServiceError {
  return new ServiceError("COMPACTED", "the replica was away for longer than deletions are remembered");
}

function fromTheFuture(): ServiceError {
  return new ServiceError("FUTURE_POSITION", "the replica has seen more than this server has: it was restored");
}
