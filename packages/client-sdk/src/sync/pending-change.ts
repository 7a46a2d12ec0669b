import { ChangeOperation, ConflictPolicy, type HybridTime, SyncChange } from "@millrace/shared-types";

/** A change that was made here, and of which the server has not said what became of it. */
export interface PendingChange {
  readonly sequence: number;
  readonly collection: string;
  readonly id: string;
  readonly isDeletion: boolean;
  readonly time: HybridTime;
  /** Time of the version that it was made on; `undefined`: there was none. */
  readonly base: HybridTime | undefined;
  /** The versions that it replaces, where there was more than one. */
  readonly context: readonly (readonly [replicaId: string, sequence: number])[];
  readonly contentType: string;
  /** Of JSON objects: what has changed, field by field; `null` is a field that was removed. */
  readonly patch: Readonly<Record<string, unknown>> | undefined;
  /** The next change was made together with this one. */
  readonly hasMore: boolean;
  readonly content: Uint8Array;
}

/** Serializes a change: the length of its head, its head as JSON, and its content. */
export function packPending({ content, ...head }: PendingChange): Uint8Array {
  const headBytes = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(headBytes.byteLength);
  return Buffer.concat([length, headBytes, content]);
}

export function unpackPending(bytes: Uint8Array): PendingChange {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const contentAt = 4 + buffer.readUInt32LE();
  const head = JSON.parse(buffer.toString("utf8", 4, contentAt)) as Omit<PendingChange, "content">;
  return { ...head, base: head.base, patch: head.patch, content: new Uint8Array(buffer.subarray(contentAt)) };
}

/** Key of a change in the store: in the order of the sequences. */
export function pendingKey(sequence: number): string {
  return String(sequence).padStart(16, "0");
}

/** A change as it is pushed into a collection of this policy. */
export function toSyncChange(change: PendingChange, policy: ConflictPolicy | undefined): SyncChange {
  const { sequence, collection, id, time, base, context } = change;
  return SyncChange.fromPartial({
    collection,
    docId: id,
    replicaSequence: sequence,
    time,
    ...(base && { base }),
    ...(context.length > 0 && { context: { clocks: new Map(context) } }),
    ...operationOf(change, policy),
  });
}

/** Where fields are merged, only those travel that have changed. */
function operationOf(
  { isDeletion, patch, content, contentType }: PendingChange,
  policy: ConflictPolicy | undefined,
): Partial<Pick<SyncChange, "operation" | "content" | "contentType">> {
  if (isDeletion) return { operation: ChangeOperation.DELETE };
  const mergesFields = policy === ConflictPolicy.FIELD_LAST_WRITER_WINS;
  if (!mergesFields || patch === undefined || Object.keys(patch).length === 0) {
    return { operation: ChangeOperation.UPSERT, content, contentType };
  }
  return { operation: ChangeOperation.PATCH, content: Buffer.from(JSON.stringify(patch)), contentType };
}

/** What has to change in a JSON object to make it another one; `undefined` if one of them is none. */
export function fieldPatch(before: unknown, after: unknown): Readonly<Record<string, unknown>> | undefined {
  if (!isJsonObject(after)) return undefined;
  const known = isJsonObject(before) ? before : {};
  const patch = new Map<string, unknown>();
  for (const name of Object.keys(known)) if (!Object.hasOwn(after, name)) patch.set(name, null);
  for (const [name, value] of Object.entries(after)) {
    const isSame = Object.hasOwn(known, name) && JSON.stringify(known[name]) === JSON.stringify(value);
    if (!isSame) patch.set(name, value);
  }
  return Object.fromEntries(patch);
}

function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
