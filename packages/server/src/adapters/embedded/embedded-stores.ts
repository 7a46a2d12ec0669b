import { join } from "node:path";

import { DEFAULT_LIMITS } from "@millrace/shared-types";

import type { BlobStore } from "../../ports/blob-store.js";
import type { EventLog } from "../../ports/event-log.js";
import type { ItemStore } from "../../ports/item-store.js";
import type { MetricStore } from "../../ports/metric-store.js";
import type { RecordStore } from "../../ports/record-store.js";

import type { DataIdentity } from "./data-dir.js";
import { DataDir } from "./data-dir.js";
import type { FsBlobStoreOptions } from "./fs-blob-store.js";
import { FsBlobStore } from "./fs-blob-store.js";
import { SqliteEventLog } from "./sqlite-event-log.js";
import { SqliteItemStore } from "./sqlite-item-store.js";
import { SqliteMetricStore } from "./sqlite-metric-store.js";
import { SqliteQueryEngine, type SqliteQueryEngineOptions } from "./sqlite-query-engine.js";
import { SqliteRecordStore } from "./sqlite-record-store.js";
import type { LossListener } from "./sqlite-thread.js";

/** Everything that a server on one machine keeps, in one folder. */
export interface EmbeddedStores extends AsyncDisposable {
  readonly blobs: BlobStore;
  readonly records: RecordStore;
  readonly log: EventLog;
  readonly items: ItemStore;
  readonly metrics: MetricStore;
  /** What it makes must be closed before the stores. */
  readonly openQueryEngine: (options?: SqliteQueryEngineOptions) => SqliteQueryEngine;
  readonly identity: DataIdentity;
}

export interface EmbeddedStoresOptions extends FsBlobStoreOptions {
  /** Default: 100,000. */
  readonly maxMetricSeries?: number;
  /** Told of each database to which nothing can be written any more; `error` says which, its cause why. Default: nobody. */
  readonly onLost?: LossListener | undefined;
}

/**
 * Opens the stores in `path`, making them if they are not there.
 *
 * @throws DataDirInUseError if another server holds the folder
 */
export async function openEmbeddedStores(
  path: string,
  { maxMetricSeries = DEFAULT_LIMITS.maxMetricSeries, onLost, ...options }: EmbeddedStoresOptions = {},
): Promise<EmbeddedStores> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await DataDir.open(path));
  const openingRecords = openBeside(stack, SqliteRecordStore.open(join(path, "records.db")));
  const openingLog = openBeside(stack, SqliteEventLog.open(join(path, "events.db"), { onLost }));
  const openingItems = openBeside(stack, SqliteItemStore.open(join(path, "items.db"), { onLost }));
  const openingMetrics = openBeside(
    stack,
    SqliteMetricStore.open(join(path, "metrics.db"), { maxSeries: maxMetricSeries, onLost }),
  );
  const blobs = stack.use(await FsBlobStore.open(path, options)); // while the threads start
  const opening = [openingRecords, openingLog, openingItems, openingMetrics] as const;
  const [records, log, items, metrics] = await Promise.all(opening);
  const opened = stack.move();
  const openQueryEngine: EmbeddedStores["openQueryEngine"] = (use) => new SqliteQueryEngine(path, use);
  const stores = { blobs, records, log, items, metrics, openQueryEngine };
  return { ...stores, identity: folder.identity, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Has what is being opened closed with the rest. Who awaits it is told of a failure. */
function openBeside<T extends AsyncDisposable>(stack: AsyncDisposableStack, opening: Promise<T>): Promise<T> {
  const opened = opening.catch(() => undefined);
  stack.defer(async () => (await opened)?.[Symbol.asyncDispose]());
  return opening;
}
