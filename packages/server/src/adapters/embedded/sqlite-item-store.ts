import { open } from "node:fs/promises";

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
  RowPage,
  RowScan,
} from "../../ports/item-store.js";
import { checkMutations, isRowId } from "../../ports/item-store-checks.js";

import { BatchQueue } from "./sqlite-batch-queue.js";
import { type ItemCommit, packCommits, packedBytes, unpackResults } from "./sqlite-item-commits.js";
import { itemErrorOf, itemsUnavailable } from "./sqlite-item-errors.js";
import type {
  ItemFailure,
  ItemReadRequest,
  ItemReadResults,
  ItemStoreState,
  ItemWorkerData,
  ItemWriteRequest,
  ItemWriteResults,
  TombstoneLimit,
} from "./sqlite-item-protocol.js";
import { type HandedRecords, RowRecords } from "./sqlite-item-record.js";
import { type LossListener, SqliteThread } from "./sqlite-thread.js";

export interface SqliteItemStoreOptions {
  /** Says when rows are written. Default: the machine's. */
  readonly clock?: Clock;
  /** Size of the database, in pages of 4 KiB, from which on the disk counts as full. Default: none. For tests. */
  readonly maxPages?: number;
  /** Told once that nothing can be written any more. Default: nobody. */
  readonly onLost?: LossListener | undefined;
}

type Writer = SqliteThread<ItemWriteRequest, ItemWriteResults, ItemFailure>;
type Reader = SqliteThread<ItemReadRequest, ItemReadResults, ItemFailure>;

/**
 * Versioned rows in a SQLite database (write-ahead log, `synchronous=FULL`). One thread writes: all commits that come
 * in while one transaction runs share the next one, and its one fsync. Another one reads beside it, so that long
 * scans do not delay commits.
 *
 * A full disk fails the commits that meet it; after any other failure to write, nothing more is acknowledged until
 * the store is opened anew, and reads go on. Each row has a checksum: what is not as it was written is not handed
 * out, but refused with `CORRUPT_DATA`.
 */
export class SqliteItemStore implements ItemStore {
  readonly #workerData: ItemWorkerData;
  readonly #writer: Writer;
  readonly #commits: BatchQueue<ItemCommit, CommitResult>;
  readonly #listeners = new Set<CommitListener>();
  /** Started with the first read. */
  #reader: Promise<Reader> | undefined;
  #version: number;
  #closed: Promise<void> | undefined;

  private constructor(writer: Writer, { version }: ItemStoreState, workerData: ItemWorkerData, clock: Clock) {
    this.#version = version;
    this.#workerData = workerData;
    this.#writer = writer;
    this.#commits = new BatchQueue(packedBytes, async (commits) => {
      const packed = packCommits(commits);
      const results = await writer.ask<"commit">({ kind: "commit", commits: packed, nowMs: clock.now() }, [packed]);
      return this.#tell(commits, unpackResults(results));
    });
  }

  /**
   * Opens the database at `path`, making it (readable by this user only) if it is not there.
   *
   * @throws Error if it is not a database or was written by a newer version
   */
  static async open(
    path: string,
    { clock = systemClock, maxPages, onLost }: SqliteItemStoreOptions = {},
  ): Promise<SqliteItemStore> {
    await (await open(path, "a", 0o600)).close(); // SQLite gives its other files the same mode
    const workerData = { path, ...(maxPages !== undefined && { maxPages }) };
    const started = await SqliteThread.start<ItemWriteRequest, ItemWriteResults, ItemFailure>({
      worker: "sqlite-item-writer-worker",
      ...threadOptions(workerData),
      onLost,
    });
    return new SqliteItemStore(started.thread, started.ready as ItemStoreState, workerData, clock);
  }

  async commit(mutations: readonly RowMutation[], { atomic }: { readonly atomic: boolean }): Promise<CommitResult> {
    this.#checkOpen();
    checkMutations(mutations);
    return this.#commits.push({ mutations, atomic });
  }

  async get(
    collection: string,
    row: { readonly key: string } | { readonly id: string },
    snapshot?: number,
  ): Promise<Row | undefined> {
    if ("id" in row && !isRowId(row.id)) return undefined;
    const at = snapshot === undefined ? {} : { snapshot };
    const found = await this.#ask<"get">({ kind: "get", collection, row, ...at });
    return new RowRecords(found).rows()[0];
  }

  async getAll(collection: string, keys: readonly string[]): Promise<readonly (Row | undefined)[]> {
    const { indexes, ...records } = await this.#ask<"getAll">({ kind: "getAll", collection, keys });
    const found = new Map(new RowRecords(records).rows().map((row, at) => [indexes[at], row]));
    return keys.map((_, index) => found.get(index));
  }

  async scan(scan: RowScan): Promise<RowPage> {
    const { exhausted, ...records } = await this.#ask<"scan">({ kind: "scan", scan });
    return new ScannedPage(records, exhausted);
  }

  async changes(scan: ChangeScan): Promise<ChangePage> {
    const { scannedTo, exhausted, ...records } = await this.#ask<"changes">({ kind: "changes", scan });
    return { rows: new RowRecords(records).rows(), scannedTo, exhausted };
  }

  size(collection: string): Promise<CollectionSize> {
    return this.#ask<"size">({ kind: "size", collection });
  }

  async version(): Promise<number> {
    this.#checkOpen();
    return this.#version;
  }

  async drop(collection: string): Promise<number> {
    this.#checkOpen();
    return this.#writer.ask<"drop">({ kind: "drop", collection });
  }

  async vacuum(beforeMs: number, tombstonesBeforeMs: (collection: string) => number = () => beforeMs): Promise<number> {
    this.#checkOpen();
    const tombstones = await this.#dueTombstones(tombstonesBeforeMs);
    this.#checkOpen();
    return this.#writer.ask<"vacuum">({ kind: "vacuum", beforeMs, tombstones });
  }

  follow(listener: CommitListener): Disposable {
    this.#checkOpen();
    const listening: CommitListener = (...commit) => listener(...commit); // its own, should `listener` come twice
    this.#listeners.add(listening);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listening) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#commits.drain();
    const reader = await this.#reader?.catch(() => undefined);
    await reader?.close({ kind: "close" });
    await this.#writer.close({ kind: "close" });
    this.#listeners.clear();
  }

  /** The collections with tombstones that may go, as far as one page of them has any. */
  async #dueTombstones(beforeMs: (collection: string) => number): Promise<readonly TombstoneLimit[]> {
    for (let afterName = ""; ;) {
      const page = await this.#ask<"tombstones">({ kind: "tombstones", afterName });
      const limits = page.map(({ collection, oldestMs }) => ({ collection, oldestMs, beforeMs: beforeMs(collection) }));
      const due = limits.filter((limit) => limit.oldestMs < limit.beforeMs);
      const last = page.at(-1);
      if (due.length > 0 || last === undefined) return due;
      afterName = last.collection;
    }
  }

  async #ask<Kind extends keyof ItemReadResults>(
    request: Extract<ItemReadRequest, { readonly kind: Kind }>,
  ): Promise<ItemReadResults[Kind]> {
    this.#checkOpen();
    const starting = (this.#reader ??= startReader(this.#workerData));
    try {
      return await (await starting).ask<Kind>(request);
    } catch (error) {
      const gone = await starting.then(
        (reader) => reader.hasEnded,
        () => true,
      );
      if (gone && this.#reader === starting) this.#reader = undefined; // the next read starts another one
      throw error;
    }
  }

  /** Takes note of commits, and tells those who listen. */
  #tell(commits: readonly ItemCommit[], results: readonly CommitResult[]): readonly CommitResult[] {
    for (const [index, { version, outcomes, committed }] of results.entries()) {
      this.#version = version;
      const written = commits[index]?.mutations.filter((_, at) => outcomes[at]?.type === "written") ?? [];
      if (!committed || written.length === 0 || this.#listeners.size === 0) continue;
      const collections = new Set(written.map(({ collection }) => collection));
      for (const listener of this.#listeners) listener(version, collections);
    }
    return results;
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw itemsUnavailable("the store is closed");
  }
}

/** What a scan found. */
class ScannedPage implements RowPage {
  readonly packed: RowRecords;
  readonly exhausted: boolean;
  #rows: readonly Row[] | undefined;

  constructor(records: HandedRecords, exhausted: boolean) {
    this.packed = new RowRecords(records);
    this.exhausted = exhausted;
  }

  get rows(): readonly Row[] {
    this.#rows ??= this.packed.rows();
    return this.#rows;
  }
}

function threadOptions(workerData: ItemWorkerData): {
  readonly workerData: ItemWorkerData;
  readonly errorOf: (failure: ItemFailure) => Error;
  readonly unavailable: (cause: unknown) => Error;
} {
  return { workerData, errorOf: itemErrorOf, unavailable: itemsUnavailable };
}

async function startReader(workerData: ItemWorkerData): Promise<Reader> {
  try {
    const started = await SqliteThread.start<ItemReadRequest, ItemReadResults, ItemFailure>({
      worker: "sqlite-item-reader-worker",
      ...threadOptions(workerData),
    });
    return started.thread;
  } catch (error) {
    throw itemsUnavailable(error);
  }
}
