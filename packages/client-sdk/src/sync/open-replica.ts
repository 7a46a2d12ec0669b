import { checkCollection, checkOpenOptions } from "./check-sync-options.js";
import { MemoryReplicaStore } from "./memory-replica-store.js";
import { OpenedReplica } from "./opened-replica.js";
import { openSqliteReplicaStore } from "./sqlite-replica-store.js";
import type { SyncDeps } from "./sync-api.js";
import type { OpenReplicaOptions, Replica } from "./types.js";

/** Opens a replica. See {@link SyncApi.open}. */
export async function openReplica(deps: SyncDeps, options: OpenReplicaOptions): Promise<Replica> {
  checkOpenOptions(options);
  const filters = filtersOf(options);
  const { path, store = path === undefined ? new MemoryReplicaStore() : await openSqliteReplicaStore(path) } = options;
  return new OpenedReplica(deps, store, filters, options);
}

function filtersOf({ collections }: OpenReplicaOptions): ReadonlyMap<string, string> {
  const filters = new Map<string, string>();
  for (const followed of collections) {
    const { name, filter = "" } = typeof followed === "string" ? { name: followed } : followed;
    checkCollection(name);
    filters.set(name, filter);
  }
  return filters;
}
