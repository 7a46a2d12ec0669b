import { ChangeOperation, type SyncChange, type SyncChangeResult, SyncOutcome } from "@millrace/shared-types";

import { packDocument, packGone, recordOf } from "./document-record.js";
import type { PendingChange } from "./pending-change.js";

/** What is kept of a change of the server until the next checkpoint. */
export function stagedOf(change: SyncChange): Uint8Array {
  const isGone = change.operation === ChangeOperation.DELETE || change.operation === ChangeOperation.REMOVED;
  return isGone ? packGone(change.sequence) : packDocument(recordOf(change));
}

/** A document as a change of this replica left it on the server. */
export function ownRecord({ isDeletion, time, contentType, content }: PendingChange, sequence: number): Uint8Array {
  if (isDeletion) return packGone(sequence);
  const version = { time, userId: "", contentType, content };
  const plain = { pendingSequence: 0, isDeleted: false, context: new Map(), siblings: [] };
  return packDocument({ ...version, ...plain, sequence });
}

/** Whether the server has refused a change, now or when it came first. */
export function isRefused({ outcome, status }: SyncChangeResult): boolean {
  if (outcome === SyncOutcome.DUPLICATE) return status !== undefined;
  return outcome === SyncOutcome.CONFLICT || outcome === SyncOutcome.REJECTED;
}
