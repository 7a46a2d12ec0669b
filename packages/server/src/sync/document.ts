import { ChangeOperation, compareHybridTimes, type HybridTime, SyncChange } from "@millrace/shared-types";

import type { Row, RowMutation } from "../ports/item-store.js";

/** One version of a document, as its writer gave it. Its time identifies it. */
export interface DocumentVersion {
  readonly time: HybridTime;
  /** With the sequence, the change that made it. The server's id for what was merged. */
  readonly replicaId: string;
  readonly replicaSequence: number;
  readonly userId: string;
  readonly contentType: string;
  readonly content: Uint8Array;
  /** The document is not what its writer left: it was made of that. */
  readonly isDerived?: boolean;
}

/** Where fields are merged: what is known of them. */
export interface FieldTimes {
  /** When each field was set or removed. */
  readonly times: ReadonlyMap<string, HybridTime>;
  /** The last time that the whole document was replaced or deleted: what is older counts no more. */
  readonly floor: HybridTime | undefined;
  /** It was deleted then. */
  readonly deletedAtFloor: boolean;
}

/** A document as it is stored: its versions by time, latest first; of one that is deleted, the deletion. */
export interface StoredDocument {
  readonly versions: readonly [DocumentVersion, ...DocumentVersion[]];
  readonly deleted: boolean;
  readonly fields?: FieldTimes;
}

type PackedTime = readonly [wallMs: number, counter: number, nodeId: string];

/** A row's head: all that is not content. The contents follow each other in the row's data. */
interface Head {
  readonly versions: readonly {
    readonly time: PackedTime;
    readonly replica: string;
    readonly sequence: number;
    readonly user: string;
    readonly type: string;
    readonly bytes: number;
    readonly derived?: true;
  }[];
  readonly fields?: readonly (readonly [name: string, time: PackedTime])[];
  readonly floor?: PackedTime | undefined;
  readonly deletedAtFloor?: boolean;
}

const NO_CHANGE: SyncChange = SyncChange.fromPartial({});

/** A document of one version. */
export function documentOf(version: DocumentVersion, fields?: FieldTimes): StoredDocument {
  return { versions: [version], deleted: false, ...(fields && { fields }) };
}

/** What is left of a document that `version` deleted. */
export function deletionOf(version: DocumentVersion, fields?: FieldTimes): StoredDocument {
  return { versions: [{ ...version, content: NO_CONTENT, contentType: "" }], deleted: true, ...(fields && { fields }) };
}

const NO_CONTENT = new Uint8Array(0);

/** A document of several versions, which are not in order. */
export function siblingsOf(versions: readonly [DocumentVersion, ...DocumentVersion[]]): StoredDocument {
  const sorted = versions.toSorted((a, b) => compareHybridTimes(b.time, a.time));
  return { versions: sorted as [DocumentVersion, ...DocumentVersion[]], deleted: false };
}

export function readDocument({ head, data, deleted }: Pick<Row, "head" | "data" | "deleted">): StoredDocument {
  const { versions, fields, floor, deletedAtFloor = false } = JSON.parse(Buffer.from(head).toString()) as Head;
  let at = 0;
  const read = versions.map(({ time, replica, sequence, user, type, bytes, derived }): DocumentVersion => {
    const content = data.subarray(at, (at += bytes));
    const writer = { replicaId: replica, replicaSequence: sequence, userId: user };
    return { time: unpacked(time), ...writer, contentType: type, content, ...(derived && { isDerived: derived }) };
  }) as [DocumentVersion, ...DocumentVersion[]];
  if (fields === undefined) return { versions: read, deleted };
  const times = new Map(fields.map(([name, time]) => [name, unpacked(time)]));
  return { versions: read, deleted, fields: { times, floor: floor && unpacked(floor), deletedAtFloor } };
}

/** The mutations that store a document in place of a row. */
export function documentMutations(
  collection: string,
  key: string,
  document: StoredDocument,
  before: Row | undefined,
): readonly [RowMutation, ...RowMutation[]] {
  const head = headOf(document);
  const expected = { collection, ifNewest: before?.version ?? 0 };
  if (!document.deleted) {
    const data = Buffer.concat(document.versions.map(({ content }) => content));
    return [{ ...expected, put: { key, head, data } }];
  }
  if (before !== undefined && !before.deleted) return [{ ...expected, deleteKey: key, deleteHead: head }];
  // Only a row can be deleted: for a tombstone in place of another one, or of nothing, there has to be one first.
  const put = { key, head, data: NO_CONTENT };
  return [
    { ...expected, put },
    { collection, deleteKey: key, deleteHead: head },
  ];
}

function headOf({ versions, fields }: StoredDocument): Uint8Array {
  const head: Head = {
    versions: versions.map(({ time, replicaId, replicaSequence, userId, contentType, content, isDerived }) => ({
      time: packed(time),
      replica: replicaId,
      sequence: replicaSequence,
      user: userId,
      type: contentType,
      bytes: content.byteLength,
      ...(isDerived === true && { derived: true }),
    })),
    ...(fields && {
      fields: [...fields.times].map(([name, time]) => [name, packed(time)] as const),
      floor: fields.floor && packed(fields.floor),
      deletedAtFloor: fields.deletedAtFloor,
    }),
  };
  return Buffer.from(JSON.stringify(head));
}

/** A document as replicas get it. */
export function toChange(collection: string, docId: string, document: StoredDocument, sequence: number): SyncChange {
  const { fields, deleted } = document;
  const [current, ...siblings] = document.versions.map(({ isDerived: _, ...version }) => version);
  return {
    ...NO_CHANGE,
    ...current,
    collection,
    docId,
    operation: deleted ? ChangeOperation.DELETE : ChangeOperation.UPSERT,
    sequence,
    context: siblings.length === 0 ? undefined : { clocks: dotsOf(document) },
    fieldTimes: new Map(fields?.times),
    siblings,
  };
}

/** Of each replica that wrote a version, the newest sequence. */
function dotsOf({ versions }: StoredDocument): Map<string, number> {
  const dots = new Map<string, number>();
  for (const { replicaId, replicaSequence } of versions) {
    dots.set(replicaId, Math.max(dots.get(replicaId) ?? 0, replicaSequence));
  }
  return dots;
}

function packed({ wallMs, counter, nodeId }: HybridTime): PackedTime {
  return [wallMs, counter, nodeId];
}

function unpacked([wallMs, counter, nodeId]: PackedTime): HybridTime {
  return { wallMs, counter, nodeId };
}
