import { isSameHybridTime, MAX_DOCUMENT_BYTES, ServiceError, SyncOutcome } from "@millrace/shared-types";

import { checkLimit } from "../../events/check-limit.js";
import { deletionOf, documentOf, type DocumentVersion, type StoredDocument } from "../document.js";
import type { MergeFunction, MergeVersion } from "../merge-function.js";
import { isForgotten } from "./forgotten.js";
import { changed } from "./last-writer.js";
import { concurrentChange } from "./reject.js";
import type { PolicyContext, PushedChange, Resolution } from "./resolution.js";

/**
 * A function of the operator's merges concurrent changes.
 *
 * @throws ServiceError `BACKEND_UNAVAILABLE` if this server has no such function: the replica tries again later
 */
export async function mergeByFunction(
  current: StoredDocument | undefined,
  change: PushedChange,
  { horizonMs, serverClock, mergeFunction }: PolicyContext,
): Promise<Resolution> {
  if (isForgotten(current, change, horizonMs)) return { outcome: SyncOutcome.SUPERSEDED };
  const after = changed(current, change);
  const latest = current?.versions[0];
  if (current === undefined || latest === undefined || isSameHybridTime(change.base, latest.time))
    return { outcome: SyncOutcome.APPLIED, document: after };
  if (current.deleted && after.deleted) return { outcome: SyncOutcome.SUPERSEDED };
  if (mergeFunction === undefined) throw noMergeFunction(change.collection);
  const [incoming] = after.versions;
  const time = serverClock.after(latest.time, incoming.time);
  const made = { time, replicaId: serverClock.serverId, replicaSequence: 0, userId: "" };
  try {
    const merged = await mergedBy(mergeFunction, current, after, change);
    if (merged === undefined) return { outcome: SyncOutcome.MERGED, document: deletionOf({ ...incoming, ...made }) };
    checkLimit("content", "max_document_bytes", MAX_DOCUMENT_BYTES, merged.content.byteLength);
    return { outcome: SyncOutcome.MERGED, document: documentOf({ ...made, ...merged }) };
  } catch (cause) {
    return { outcome: SyncOutcome.CONFLICT, error: concurrentChange(change, cause) };
  }
}

function mergedBy(
  mergeFunction: MergeFunction,
  current: StoredDocument,
  incoming: StoredDocument,
  { collection, docId: documentId }: PushedChange,
): ReturnType<MergeFunction> {
  return mergeFunction({ collection, documentId, current: seen(current), incoming: seen(incoming) });
}

function seen({ deleted, versions: [version] }: StoredDocument): MergeVersion | undefined {
  if (deleted) return undefined;
  const { content, contentType, userId, time }: DocumentVersion = version;
  return { content, contentType, userId, timeMs: time.wallMs };
}

function noMergeFunction(collection: string): ServiceError {
  const message = `this server has no merge function for collection ${JSON.stringify(collection)}`;
  return new ServiceError("BACKEND_UNAVAILABLE", message, { retryAfterMs: 5000 });
}
