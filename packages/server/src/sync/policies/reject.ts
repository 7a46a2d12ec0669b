import { ChangeOperation, isSameHybridTime, ServiceError, SyncOutcome } from "@millrace/shared-types";

import type { StoredDocument } from "../document.js";
import { changed } from "./last-writer.js";
import type { PushedChange, Resolution } from "./resolution.js";

/** A change that was not made on the current version is refused. */
export function rejectConcurrent(current: StoredDocument | undefined, change: PushedChange): Resolution {
  const latest = current?.versions[0];
  const isGone = current === undefined || current.deleted;
  const isOnCurrent = latest !== undefined && isSameHybridTime(change.base, latest.time);
  if (isGone && !isOnCurrent && change.operation === ChangeOperation.DELETE) return { outcome: SyncOutcome.SUPERSEDED };
  // Making a document where there is none meets no other change.
  const isNew = isGone && change.base === undefined;
  if (!isOnCurrent && !isNew) return { outcome: SyncOutcome.CONFLICT, error: concurrentChange(change) };
  return { outcome: SyncOutcome.APPLIED, document: changed(current, change) };
}

/** Why a change is refused that was not made on the current version. */
export function concurrentChange({ docId }: Pick<PushedChange, "docId">, cause?: unknown): ServiceError {
  const message = `document ${JSON.stringify(docId)} has been changed since`;
  return new ServiceError("REVISION_MISMATCH", message, { cause });
}
