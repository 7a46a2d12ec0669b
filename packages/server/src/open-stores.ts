import { randomBytes } from "node:crypto";

import type { BlobStore } from "./ports/blob-store.js";
import type { EventLog } from "./ports/event-log.js";
import type { ItemStore } from "./ports/item-store.js";
import type { MetricStore } from "./ports/metric-store.js";
import type { QueryEngine } from "./ports/query-engine.js";
import type { RecordStore } from "./ports/record-store.js";

/** Where a server keeps what it was given. */
export interface Stores extends AsyncDisposable {
  readonly blobs: BlobStore;
  readonly records: RecordStore;
  readonly log: EventLog;
  readonly items: ItemStore;
  readonly metrics: MetricStore;
  /** Makes what runs queries over the other stores; left out: nothing can. */
  readonly openQueryEngine?: (use: QueryEngineUse) => QueryEngine;
  /** Names this data. */
  readonly clusterId: string;
  /** Signs page tokens and cursors. */
  readonly tokenSecret: Uint8Array;
}

/** What a store itself has to enforce, and tell of. */
export interface StoreOptions {
  readonly maxMetricSeries: number;
  /** Told of a store to which nothing can be written any more until the server is started anew. */
  readonly onLost: (error: Error) => void;
}

/** What queries may use of the machine. */
export interface QueryEngineUse {
  /** Processes at the same time. */
  readonly maxProcesses: number;
  /** Memory of each, in bytes. */
  readonly maxResidentBytes: number;
}

/** The stores in the folder `dataDir`, or in memory if there is none. Only the ones that are used are imported. */
export async function openStores(dataDir: string | undefined, options: StoreOptions): Promise<Stores> {
  return dataDir === undefined ? memoryStores(options) : embeddedStores(dataDir, options);
}

async function embeddedStores(dataDir: string, options: StoreOptions): Promise<Stores> {
  const { openEmbeddedStores } = await import("./adapters/embedded/embedded-stores.js");
  const { identity, ...stores } = await openEmbeddedStores(dataDir, options);
  return { ...stores, ...identity };
}

async function memoryStores({ maxMetricSeries }: StoreOptions): Promise<Stores> {
  const [{ MemoryBlobStore }, { MemoryRecordStore }, { MemoryEventLog }, { MemoryItemStore }, { MemoryMetricStore }] =
    await Promise.all([
      import("./adapters/memory/memory-blob-store.js"),
      import("./adapters/memory/memory-record-store.js"),
      import("./adapters/memory/memory-event-log.js"),
      import("./adapters/memory/memory-item-store.js"),
      import("./adapters/memory/memory-metric-store.js"),
    ]);
  const blobs = new MemoryBlobStore();
  const records = new MemoryRecordStore();
  const log = new MemoryEventLog();
  const items = new MemoryItemStore();
  const metrics = new MemoryMetricStore({ maxSeries: maxMetricSeries });
  return {
    blobs,
    records,
    log,
    items,
    metrics,
    clusterId: randomBytes(13).toString("hex"),
    tokenSecret: randomBytes(32),
    [Symbol.asyncDispose]: async () => {
      await metrics[Symbol.asyncDispose]();
      await items[Symbol.asyncDispose]();
      await log[Symbol.asyncDispose]();
      await records[Symbol.asyncDispose]();
      await blobs[Symbol.asyncDispose]();
    },
  };
}
