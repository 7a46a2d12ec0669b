import type { HybridTime } from "@millrace/shared-types";

import type { DocumentRecord } from "./document-record.js";
import { fieldPatch, type PendingChange } from "./pending-change.js";

/** What a replica is told to write. */
export interface LocalWrite {
  readonly collection: string;
  readonly id: string;
  /** `undefined` deletes. */
  readonly put: { readonly content: Uint8Array; readonly contentType: string; readonly json: unknown } | undefined;
}

/** Which change a write becomes. */
export interface ChangeStamp {
  readonly sequence: number;
  readonly time: HybridTime;
  /** The next change is made together with it. */
  readonly hasMore: boolean;
}

/** A write as a change, and the document as that leaves it. */
export interface WrittenChange {
  readonly change: PendingChange;
  readonly record: DocumentRecord;
}

/** Of a deletion. */
const NOTHING = { content: new Uint8Array(0), contentType: "" };

/** @param before the document as it is now */
export function writtenChange(
  { collection, id, put }: LocalWrite,
  before: DocumentRecord | undefined,
  stamp: ChangeStamp,
): WrittenChange {
  const { sequence, time } = stamp;
  const isDeletion = put === undefined;
  const { content, contentType } = put ?? NOTHING;
  const change: PendingChange = {
    ...stamp,
    collection,
    id,
    isDeletion,
    base: before?.time,
    context: [...(before?.context ?? [])],
    contentType,
    patch: put && fieldPatch(jsonOf(before), put.json),
    content,
  };
  const version = { time, userId: "", contentType, content };
  const record = { ...version, sequence: before?.sequence ?? 0, pendingSequence: sequence };
  return { change, record: { ...record, isDeleted: isDeletion, context: new Map(), siblings: [] } };
}

function jsonOf(record: DocumentRecord | undefined): unknown {
  if (record === undefined || record.isDeleted) return undefined;
  try {
    return JSON.parse(Buffer.from(record.content).toString());
  } catch {
    return undefined;
  }
}
