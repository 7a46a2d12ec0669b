export { MemoryReplicaStore } from "./memory-replica-store.js";
export type { ReplicaRow, ReplicaScan, ReplicaStore, ReplicaWrite } from "./replica-store.js";
export { openSqliteReplicaStore } from "./sqlite-replica-store.js";
export type { SyncApi, SyncCollectionsApi } from "./sync-api.js";
export type * from "./types.js";
