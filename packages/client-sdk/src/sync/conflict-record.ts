import { decodeStatusDetails, encodeMessage, Status, type SyncChangeResult } from "@millrace/shared-types";

import { packPending, type PendingChange, unpackPending } from "./pending-change.js";

/** A change that was refused, and why. */
export interface ConflictRecord {
  readonly change: PendingChange;
  readonly reason: string;
  readonly message: string;
}

/** Serializes a refused change: the length of what is said of it, that as JSON, and the change. */
export function packConflict(change: PendingChange, { status }: SyncChangeResult): Uint8Array {
  const { message = "" } = status ?? {};
  const details = status && decodeStatusDetails(encodeMessage(Status, status));
  const head = Buffer.from(JSON.stringify({ reason: details?.reason ?? "", message }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.byteLength);
  return Buffer.concat([length, head, packPending(change)]);
}

export function unpackConflict(bytes: Uint8Array): ConflictRecord {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const changeAt = 4 + buffer.readUInt32LE();
  const { reason, message } = JSON.parse(buffer.toString("utf8", 4, changeAt)) as Omit<ConflictRecord, "change">;
  return { reason, message, change: unpackPending(buffer.subarray(changeAt)) };
}
