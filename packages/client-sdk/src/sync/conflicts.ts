import { ChangeOperation, SyncOutcome, type SyncChange, SyncServiceDefinition } from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import type { CallOptions } from "../options.js";
import { entriesOf } from "../rpc/pages.js";
import { checkCall, checkCollection, checkDocumentId, checkListOptions, contentOf } from "./check-sync-options.js";
import { recordOf } from "./document-record.js";
import { toDocument } from "./document-view.js";
import type { SyncDeps } from "./sync-api.js";
import type { ListSyncOptions, Resolution, ServerDocument } from "./types.js";

type ConflictDeps = Pick<SyncDeps, "rpc">;

/** A document of the server. See {@link SyncApi.getDocument}. */
export async function getServerDocument(
  { rpc }: ConflictDeps,
  collection: string,
  docId: string,
  options: CallOptions = {},
): Promise<ServerDocument> {
  checkCollection(collection);
  checkDocumentId(docId);
  checkCall(options);
  const answer = await rpc.unary(
    SyncServiceDefinition,
    SyncServiceDefinition.methods.getDocument,
    { collection, docId },
    options,
  );
  return toServerDocument(present(answer.current, "current"));
}

/** Documents with siblings. See {@link SyncApi.conflicts}. */
export function listConflicts(
  { rpc }: ConflictDeps,
  collection: string,
  options: ListSyncOptions = {},
): AsyncIterable<string> {
  checkCollection(collection);
  checkListOptions(options);
  return entriesOf(options, async (page, call) => {
    const answer = await rpc.unary(
      SyncServiceDefinition,
      SyncServiceDefinition.methods.listConflicts,
      { collection, ...page },
      call,
    );
    return { entries: answer.docIds, nextPageToken: answer.nextPageToken };
  });
}

/** Puts one version in place of siblings. See {@link SyncApi.resolve}. */
export async function resolveConflict(
  { rpc }: ConflictDeps,
  { collection, id: docId, includes }: ServerDocument,
  resolution: Resolution,
  options: CallOptions = {},
): Promise<boolean> {
  checkCall(options);
  const context = { clocks: new Map(Object.entries(includes)) };
  const change = { collection, docId, context, ...contentOfResolution(resolution) };
  const answer = await rpc.unary(
    SyncServiceDefinition,
    SyncServiceDefinition.methods.resolveConflict,
    { resolution: change },
    options,
  );
  return present(answer.result, "result").outcome === SyncOutcome.APPLIED;
}

function contentOfResolution(
  resolution: Resolution,
): Partial<Pick<SyncChange, "operation" | "content" | "contentType">> {
  if (resolution.delete === true) return { operation: ChangeOperation.DELETE };
  const { content, contentType } = contentOf(resolution.put, resolution.contentType);
  return { operation: ChangeOperation.UPSERT, content, contentType };
}

function toServerDocument(change: SyncChange): ServerDocument {
  const { collection, docId, replicaId, replicaSequence } = change;
  const { isPending: _, ...document } = toDocument(collection, docId, recordOf(change));
  const clocks = change.context?.clocks ?? new Map([[replicaId, replicaSequence]]);
  return { ...document, includes: Object.fromEntries(clocks) };
}
