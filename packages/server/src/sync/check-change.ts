import {
  ChangeOperation,
  compareHybridTimes,
  type HybridTime,
  invalidField,
  MAX_CLOCK_SKEW_MS,
  MAX_CONTENT_TYPE_BYTES,
  MAX_DOCUMENT_BYTES,
  MAX_DOCUMENT_FIELDS,
  MAX_DOCUMENT_ID_BYTES,
  MAX_HYBRID_COUNTER,
  MAX_REPLICA_ID_CHARS,
  MAX_SIBLINGS,
  type SyncChange,
} from "@millrace/shared-types";

import { checkBytes, checkLimit } from "../events/check-limit.js";

import type { PushedChange } from "./policies/resolution.js";

/** Who pushes. */
export interface Pusher {
  readonly replicaId: string;
  readonly userId: string;
}

/** @throws ServiceError `INVALID_FIELD` about `field` */
export function checkReplicaId(field: string, id: string): void {
  const isId = /^[\x21-\x7e]+$/.test(id) && id.length <= MAX_REPLICA_ID_CHARS;
  if (!isId) throw invalidField(field, `must be 1 to ${String(MAX_REPLICA_ID_CHARS)} characters of ASCII`);
}

/** @throws ServiceError `INVALID_FIELD` or `LIMIT_EXCEEDED` about `field` */
export function checkDocumentId(field: string, docId: string): void {
  if (docId === "") throw invalidField(field, "must be set");
  checkBytes(field, "max_document_id_bytes", MAX_DOCUMENT_ID_BYTES, docId);
  if (!docId.isWellFormed()) throw invalidField(field, "must be Unicode text");
}

/** A change as a policy takes it. @throws ServiceError `INVALID_FIELD` or `LIMIT_EXCEEDED` */
export function checkChange(change: SyncChange, { replicaId, userId }: Pusher, nowMs: number): PushedChange {
  const { collection, docId, time, base, context, fieldTimes, replicaSequence } = change;
  checkDocumentId("doc_id", docId);
  if (change.replicaId !== "" && change.replicaId !== replicaId) throw invalidField("replica_id", "is another replica");
  if (time === undefined) throw invalidField("time", "must be set");
  checkTime("time", time);
  if (time.wallMs > nowMs + MAX_CLOCK_SKEW_MS) throw invalidField("time", "is too far ahead of the server's clock");
  if (base !== undefined) checkTime("base", base);
  if (base !== undefined && compareHybridTimes(base, time) >= 0) throw invalidField("base", "must be older than time");
  checkContent(change);
  checkFieldTimes(fieldTimes, time);
  checkLimit("context", "max_context", MAX_SIBLINGS * 2, context?.clocks.size ?? 0);
  const { content, contentType } = change;
  return {
    collection,
    docId,
    operation: operationOf(change),
    version: { time, replicaId, replicaSequence, userId, contentType, content },
    base,
    context: context?.clocks ?? new Map(),
    fieldTimes,
  };
}

function operationOf({ operation }: SyncChange): PushedChange["operation"] {
  switch (operation) {
    case ChangeOperation.UPSERT:
    case ChangeOperation.PATCH:
    case ChangeOperation.DELETE:
      return operation;
    default:
      throw invalidField("operation", "must be UPSERT, PATCH or DELETE");
  }
}

function checkTime(field: string, { wallMs, counter, nodeId }: HybridTime): void {
  if (wallMs < 0) throw invalidField(field, "must not be before 1970");
  if (counter > MAX_HYBRID_COUNTER) throw invalidField(field, `has a counter above ${String(MAX_HYBRID_COUNTER)}`);
  checkReplicaId(`${field}.node_id`, nodeId);
}

function checkContent({ content, contentType, operation }: SyncChange): void {
  checkLimit("content", "max_document_bytes", MAX_DOCUMENT_BYTES, content.byteLength);
  checkBytes("content_type", "max_content_type_bytes", MAX_CONTENT_TYPE_BYTES, contentType);
  if (operation === ChangeOperation.DELETE && content.byteLength > 0) throw invalidField("content", "must be empty");
}

function checkFieldTimes(times: ReadonlyMap<string, HybridTime>, time: HybridTime): void {
  checkLimit("field_times", "max_document_fields", MAX_DOCUMENT_FIELDS, times.size);
  for (const [name, of] of times) {
    checkTime(`field_times[${JSON.stringify(name)}]`, of);
    if (compareHybridTimes(of, time) > 0) throw invalidField("field_times", "must not be later than time");
  }
}
