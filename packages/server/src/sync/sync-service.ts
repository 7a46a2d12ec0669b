import type { ServiceHandlers, StreamingServiceDefinition, SyncServiceDefinition } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { createCollection } from "./create-collection.js";
import { getDocument } from "./get-document.js";
import { listCollections } from "./list-collections.js";
import { listConflicts } from "./list-conflicts.js";
import { resolveConflict } from "./resolve-conflict.js";
import { syncData } from "./sync-data.js";
import type { SyncDeps } from "./sync-deps.js";

/** Handlers of SyncService. */
export function syncService(deps: SyncDeps): ServiceHandlers<typeof SyncServiceDefinition, CallContext> {
  return {
    createCollection: (request, context) => createCollection(request, context, deps),
    listCollections: (request, context) => listCollections(request, context, deps),
    getDocument: (request, context) => getDocument(request, context, deps),
    listConflicts: (request, context) => listConflicts(request, context, deps),
    resolveConflict: (request, context) => resolveConflict(request, context, deps),
  };
}

/** The RPC of StreamingService that synchronizes. */
export function syncStreams(
  deps: SyncDeps,
): Pick<ServiceHandlers<typeof StreamingServiceDefinition, CallContext>, "syncData"> {
  return { syncData: (requests, context) => syncData(requests, context, deps) };
}
