export {
  embeddedSyncStores,
  memorySyncStores,
  SyncDataDefinition,
  type SyncHandlers,
  type SyncHandlersOptions,
  startSyncHandlers,
  type SyncStores,
} from "./sync-in-process.js";
