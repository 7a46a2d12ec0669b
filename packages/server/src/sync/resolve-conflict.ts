import {
  ChangeOperation,
  compareHybridTimes,
  ConflictPolicy,
  type HybridTime,
  invalidField,
  type ResolveConflictRequest,
  type ResolveConflictResponse,
  resourceNotFound,
  ServiceError,
  type SyncChange,
} from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { checkChange } from "./check-change.js";
import type { CollectionRecord } from "./collections.js";
import { toChange } from "./document.js";
import { keepSiblings } from "./policies/keep-siblings.js";
import { StagedDocuments } from "./staged-documents.js";
import type { SyncDeps } from "./sync-deps.js";

/** Far above what any contention causes. */
const MAX_ATTEMPTS = 1000;

/**
 * Puts one version in place of siblings.
 *
 * @throws ServiceError `INVALID_FIELD`, `LIMIT_EXCEEDED`, or `RESOURCE_NOT_FOUND`
 */
export async function resolveConflict(
  { resolution }: ResolveConflictRequest,
  context: CallContext,
  deps: SyncDeps,
): Promise<ResolveConflictResponse> {
  if (resolution === undefined) throw invalidField("resolution", "must be set");
  const collection = deps.collections.get(resolution.collection, "resolution.collection");
  if (collection.policy !== ConflictPolicy.KEEP_SIBLINGS) {
    throw invalidField("resolution.collection", "keeps no siblings");
  }
  if (resolution.operation === ChangeOperation.PATCH) throw invalidField("resolution.operation", "must not be PATCH");
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const resolved = await attemptToResolve(resolution, collection, context.principal.id, deps);
    if (resolved !== undefined) return resolved;
  }
  throw new ServiceError("BACKEND_UNAVAILABLE", "too many writers at once", { retryAfterMs: 1000 });
}

/** @returns `undefined` if somebody else changed the document meanwhile */
async function attemptToResolve(
  resolution: SyncChange,
  collection: CollectionRecord,
  userId: string,
  { items, serverClock }: SyncDeps,
): Promise<ResolveConflictResponse | undefined> {
  const { docId } = resolution;
  const replicaId = serverClock.serverId;
  const time = serverClock.after();
  // Checked before it is looked up: not every text can be a key.
  const unplaced = { ...resolution, time, base: undefined, replicaId, replicaSequence: 0 };
  checkChange(unplaced, { replicaId, userId }, serverClock.nowMs());
  const staged = await StagedDocuments.load(items, new Map([[collection, new Set([docId])]]));
  const current = staged.get(collection, docId);
  if (current === undefined || current.deleted) throw resourceNotFound("document", docId);
  const latest = current.versions.map((version) => version.time).reduce(later);
  const placed = placedAfter(latest, unplaced, serverClock);
  const { outcome, document } = keepSiblings(current, checkChange(placed, { replicaId, userId }, Infinity));
  if (document === undefined) throw new Error("a resolution made nothing");
  staged.set(collection, docId, document);
  const { outcomes, committed } = await items.commit(staged.mutations(), { atomic: true });
  if (!committed) return undefined;
  const written = outcomes[staged.mutationIndexOf(collection, docId)];
  const sequence = written?.type === "written" ? written.version : 0;
  const now = document.versions.length > 1 ? toChange(collection.name, docId, document, sequence) : undefined;
  const { replicaSequence } = placed;
  return { result: { replicaSequence, outcome, current: now, status: undefined, sequence } };
}

/** A time, and a place among the changes of the server, after everything that is in the document. */
function placedAfter(latest: HybridTime, change: SyncChange, serverClock: SyncDeps["serverClock"]): SyncChange {
  const time = serverClock.after(latest);
  // Grows with the times of this server, so that no replica's context includes what it has not seen.
  const replicaSequence = time.wallMs * 1024 + (time.counter % 1024);
  return { ...change, time, replicaSequence };
}

function later(a: HybridTime, b: HybridTime): HybridTime {
  return compareHybridTimes(a, b) < 0 ? b : a;
}
