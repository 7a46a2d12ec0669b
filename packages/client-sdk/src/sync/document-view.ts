import type { ConflictRecord } from "./conflict-record.js";
import type { DocumentRecord, VersionRecord } from "./document-record.js";
import type { SyncConflict, SyncDocument, SyncVersion } from "./types.js";

/** A document as the SDK hands it out. */
export function toDocument(collection: string, id: string, record: DocumentRecord): SyncDocument {
  const siblings = record.siblings.map(toVersion);
  return { collection, id, ...toVersion(record), isPending: record.pendingSequence > 0, siblings };
}

/** A refused change as the SDK hands it out. */
export function toConflict({ change, reason, message }: ConflictRecord): SyncConflict {
  const { collection, id, isDeletion } = change;
  return { collection, id, mine: isDeletion ? undefined : toVersion({ ...change, userId: "" }), reason, message };
}

function toVersion({ content, contentType, time, userId }: VersionRecord): SyncVersion {
  const text = (): string => Buffer.from(content).toString();
  const json = (): unknown => JSON.parse(text());
  return { data: content, contentType, updatedAt: new Date(time.wallMs), userId, text, json };
}
