import {
  createTokenSigner,
  type ServiceHandlers,
  StreamingServiceDefinition,
  type SyncServiceDefinition,
} from "@millrace/shared-types";

import { openEmbeddedStores } from "../adapters/embedded/embedded-stores.js";
import { MemoryItemStore } from "../adapters/memory/memory-item-store.js";
import { MemoryRecordStore } from "../adapters/memory/memory-record-store.js";
import type { Clock } from "../ports/clock.js";
import type { ItemStore } from "../ports/item-store.js";
import type { RecordStore } from "../ports/record-store.js";
import type { CallContext } from "../rpc/call-context.js";
import type { MergeFunction } from "../sync/merge-function.js";
import { openSync } from "../sync/open-sync.js";
import { syncService, syncStreams } from "../sync/sync-service.js";

/** What a server keeps: it outlives the handlers that work on it. */
export interface SyncStores extends AsyncDisposable {
  readonly items: ItemStore;
  readonly records: RecordStore;
}

/** In memory. */
export function memorySyncStores(clock: Clock): SyncStores {
  const items = new MemoryItemStore({ clock });
  const records = new MemoryRecordStore();
  return { items, records, [Symbol.asyncDispose]: () => items[Symbol.asyncDispose]() };
}

/** In a folder, as a server keeps it. */
export async function embeddedSyncStores(path: string): Promise<SyncStores> {
  return openEmbeddedStores(path);
}

/** The one RPC of StreamingService that synchronizes. */
export const SyncDataDefinition: Omit<typeof StreamingServiceDefinition, "methods"> & {
  readonly methods: Pick<(typeof StreamingServiceDefinition)["methods"], "syncData">;
} = { ...StreamingServiceDefinition, methods: { syncData: StreamingServiceDefinition.methods.syncData } };

/** The handlers of a server that has just been started over `stores`. */
export interface SyncHandlers {
  readonly streams: ServiceHandlers<typeof SyncDataDefinition, CallContext>;
  readonly service: ServiceHandlers<typeof SyncServiceDefinition, CallContext>;
  /** Forgets deletions that have had their time, as a server does from time to time. */
  readonly vacuum: () => Promise<void>;
}

export interface SyncHandlersOptions {
  readonly clock: Clock;
  readonly mergeFunctions?: Readonly<Record<string, MergeFunction>>;
}

/** Starts the synchronization of a server without the server: for transports in the same process. */
export async function startSyncHandlers(
  { items, records }: SyncStores,
  { clock, mergeFunctions = {} }: SyncHandlersOptions,
): Promise<SyncHandlers> {
  const tokenSigner = createTokenSigner(Buffer.alloc(32, 7));
  const deps = await openSync({ items, records, tokenSigner, clusterId: "server", clock, mergeFunctions });
  const vacuum = async (): Promise<void> => {
    const nowMs = clock.now();
    const tombstones = (name: string): number => deps.collections.tombstonesBeforeMs(name, nowMs) ?? -Infinity;
    while ((await items.vacuum(nowMs, tombstones)) > 0);
  };
  return { streams: syncStreams(deps), service: syncService(deps), vacuum };
}
