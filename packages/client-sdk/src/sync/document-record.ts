import type { HybridTime, SyncChange, SyncSibling } from "@millrace/shared-types";

/** A version of a document, as a replica keeps it. */
export interface VersionRecord {
  readonly time: HybridTime;
  readonly userId: string;
  readonly contentType: string;
  readonly content: Uint8Array;
}

/** A document, as a replica keeps it. */
export interface DocumentRecord extends VersionRecord {
  /** Position in the server's log; 0: it is not known there. */
  readonly sequence: number;
  /** Of the newest change of this replica that is in it and that the server has not confirmed; 0: none is. */
  readonly pendingSequence: number;
  /** This replica has deleted it. */
  readonly isDeleted: boolean;
  /** What it includes, if it has siblings. */
  readonly context: ReadonlyMap<string, number>;
  readonly siblings: readonly VersionRecord[];
}

type PackedTime = readonly [wallMs: number, counter: number, nodeId: string];
type PackedVersion = readonly [time: PackedTime, userId: string, contentType: string, bytes: number];

interface Head {
  readonly version: PackedVersion;
  readonly sequence: number;
  readonly pending?: number;
  readonly deleted?: boolean;
  readonly context?: readonly (readonly [replicaId: string, sequence: number])[];
  readonly siblings?: readonly PackedVersion[];
}

/** First byte of a record. The other one is that of a document that is gone. */
const [GONE, DOCUMENT] = [0, 1];
const HEAD_AT = 5;

/** Serializes a document: a byte, the length of its head, its head as JSON, and its contents. */
export function packDocument(record: DocumentRecord): Uint8Array {
  const { sequence, pendingSequence, isDeleted, context, siblings } = record;
  const head: Head = {
    version: packedVersion(record),
    sequence,
    ...(pendingSequence > 0 && { pending: pendingSequence }),
    ...(isDeleted && { deleted: true }),
    ...(context.size > 0 && { context: [...context] }),
    ...(siblings.length > 0 && { siblings: siblings.map(packedVersion) }),
  };
  const headBytes = Buffer.from(JSON.stringify(head));
  const prefix = Buffer.alloc(HEAD_AT);
  prefix[0] = DOCUMENT;
  prefix.writeUInt32LE(headBytes.byteLength, 1);
  return Buffer.concat([prefix, headBytes, record.content, ...siblings.map(({ content }) => content)]);
}

export function unpackDocument(bytes: Uint8Array): DocumentRecord {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = HEAD_AT + buffer.readUInt32LE(1);
  const head = JSON.parse(buffer.toString("utf8", HEAD_AT, at)) as Head;
  const unpacked = ([time, userId, contentType, length]: PackedVersion): VersionRecord => {
    const content = new Uint8Array(buffer.subarray(at, (at += length)));
    return { time: unpackedTime(time), userId, contentType, content };
  };
  return {
    ...unpacked(head.version),
    sequence: head.sequence,
    pendingSequence: head.pending ?? 0,
    isDeleted: head.deleted ?? false,
    context: new Map(head.context),
    siblings: (head.siblings ?? []).map(unpacked),
  };
}

/** What is stored to say that a document is gone since a position in the server's log. */
export function packGone(sequence: number): Uint8Array {
  const bytes = Buffer.alloc(9);
  bytes[0] = GONE;
  bytes.writeDoubleLE(sequence, 1);
  return bytes;
}

/** Position in the server's log of either. */
export function sequenceOf(bytes: Uint8Array): number {
  if (bytes[0] === DOCUMENT) return unpackDocument(bytes).sequence;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).readDoubleLE(1);
}

/** A document as the server sent it. */
export function recordOf(change: SyncChange): DocumentRecord {
  return {
    ...versionOf(change),
    sequence: change.sequence,
    pendingSequence: 0,
    isDeleted: false,
    context: change.context?.clocks ?? new Map(),
    siblings: change.siblings.map(versionOf),
  };
}

function versionOf({ time, userId, contentType, content }: SyncSibling): VersionRecord {
  return { time: time ?? NO_TIME, userId, contentType, content };
}

const NO_TIME: HybridTime = { wallMs: 0, counter: 0, nodeId: "" };

function packedVersion({ time, userId, contentType, content }: VersionRecord): PackedVersion {
  return [packedTime(time), userId, contentType, content.byteLength];
}

function packedTime({ wallMs, counter, nodeId }: HybridTime): PackedTime {
  return [wallMs, counter, nodeId];
}

function unpackedTime([wallMs, counter, nodeId]: PackedTime): HybridTime {
  return { wallMs, counter, nodeId };
}
