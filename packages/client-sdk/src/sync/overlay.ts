import type { HybridTime } from "@millrace/shared-types";

import { type DocumentRecord, packDocument, unpackDocument } from "./document-record.js";
import type { PendingChange } from "./pending-change.js";
import type { ReplicaStore, ReplicaWrite } from "./replica-store.js";
import { keyOf, put, Table } from "./replica-tables.js";

/** A document with the pending changes of this replica; deleted ones too. */
export function visibleDocument(store: ReplicaStore, key: string): DocumentRecord | undefined {
  const bytes = store.get(Table.OVERLAY, key) ?? store.get(Table.DOCUMENTS, key);
  return bytes && unpackDocument(bytes);
}

/** Of the newest pending change of a document; 0: there is none. */
export function overlaySequence(store: ReplicaStore, key: string): number {
  const bytes = store.get(Table.OVERLAY, key);
  return bytes === undefined ? 0 : unpackDocument(bytes).pendingSequence;
}

/** Changes a document as a pending change left it, if that is the newest one of it. */
export function overlayWrite(
  store: ReplicaStore,
  { collection, id, sequence }: PendingChange,
  change: { readonly pendingSequence: number } | { readonly time: HybridTime },
): readonly ReplicaWrite[] {
  const key = keyOf(collection, id);
  const bytes = store.get(Table.OVERLAY, key);
  const record = bytes && unpackDocument(bytes);
  if (record?.pendingSequence !== sequence) return [];
  return [put(Table.OVERLAY, key, packDocument({ ...record, ...change }))];
}
