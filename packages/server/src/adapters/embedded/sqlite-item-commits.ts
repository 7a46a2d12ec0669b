/** Commits on their way to the writing thread. Runs in that too: imports only node: modules and what does so too. */
import type { CommitResult, RowMutation, RowOutcome } from "../../ports/item-store.js";

import { RECORD_BYTES, RowRecord, writeRecord } from "./sqlite-item-record.js";

/** A commit as its caller made it. */
export interface ItemCommit {
  readonly mutations: readonly RowMutation[];
  readonly atomic: boolean;
}

const NO_BYTES = new Uint8Array(0);
/** Atomic, number of collections, number of mutations. */
const COMMIT_BYTES = 12;
/** Expected version, flags, index of the collection; then the record. */
const MUTATION_BYTES = 16;
const [PUT, SKIP_EQUAL, CHOSEN_ID, NEWEST] = [1, 2, 4, 8];

/** Most bytes that UTF-8 needs for a UTF-16 unit. */
const MAX_UNIT_BYTES = 3;

/** What a commit takes when it is packed, at most, in bytes. */
export function packedBytes({ mutations }: ItemCommit): number {
  const bytesOf = ({ collection, put, deleteKey = "", deleteHead = NO_BYTES }: RowMutation): number =>
    MUTATION_BYTES +
    RECORD_BYTES +
    4 +
    MAX_UNIT_BYTES * (collection.length + (put?.key ?? deleteKey).length) +
    (put === undefined ? deleteHead.length : put.head.length + put.data.length);
  return mutations.reduce((sum, mutation) => sum + bytesOf(mutation), COMMIT_BYTES);
}

/** Packs commits: of each, its collections, and its mutations in order. */
export function packCommits(commits: readonly ItemCommit[]): ArrayBuffer {
  const buffer = Buffer.allocUnsafeSlow(commits.reduce((sum, commit) => sum + packedBytes(commit), 0));
  const end = commits.reduce((at, commit) => packCommit(buffer, at, commit), 0);
  return buffer.buffer.transfer(end);
}

function packCommit(buffer: Buffer, start: number, { mutations, atomic }: ItemCommit): number {
  const indexes = new Map<string, number>();
  for (const { collection } of mutations) if (!indexes.has(collection)) indexes.set(collection, indexes.size);
  buffer.writeUInt32LE(atomic ? 1 : 0, start);
  buffer.writeUInt32LE(indexes.size, start + 4);
  let at = buffer.writeUInt32LE(mutations.length, start + 8);
  for (const name of indexes.keys()) {
    const length = buffer.write(name, at + 4);
    at = buffer.writeUInt32LE(length, at) + length;
  }
  return mutations.reduce((place, mutation) => {
    return packMutation(buffer, place, mutation, indexes.get(mutation.collection) ?? 0);
  }, at);
}

function packMutation(buffer: Buffer, start: number, mutation: RowMutation, collectionIndex: number): number {
  const { put, deleteKey = "", deleteHead = NO_BYTES, ifVersion, ifNewest, skipEqual } = mutation;
  const flags =
    (put === undefined ? 0 : PUT) |
    (skipEqual === true ? SKIP_EQUAL : 0) |
    (put?.id === undefined ? 0 : CHOSEN_ID) |
    (ifNewest === undefined ? 0 : NEWEST);
  buffer.writeDoubleLE(ifVersion ?? ifNewest ?? -1, start);
  buffer.writeUInt32LE(flags, start + 8);
  const recordAt = buffer.writeUInt32LE(collectionIndex, start + 12);
  const content = put ?? { key: deleteKey, head: deleteHead, data: NO_BYTES };
  const end = writeRecord(buffer, recordAt, { ...content, deleted: put === undefined });
  new RowRecord(buffer, recordAt).setId(BigInt(put?.id ?? 0));
  return end;
}

/** A mutation as the writing thread sees it. */
export interface PackedMutation {
  /** Index of its collection in those of the commit. */
  readonly collectionIndex: number;
  readonly isPut: boolean;
  readonly skipEqual: boolean;
  readonly hasId: boolean;
  readonly ifVersion: number | undefined;
  /** Tombstones count as rows for `ifVersion`. */
  readonly ofNewest: boolean;
  readonly record: RowRecord;
}

export interface PackedCommit {
  readonly atomic: boolean;
  readonly collections: readonly string[];
  readonly mutations: readonly PackedMutation[];
}

/** The commits in a buffer that {@link packCommits} made. */
export function unpackCommits(commits: ArrayBuffer): PackedCommit[] {
  const buffer = Buffer.from(commits);
  const unpacked: PackedCommit[] = [];
  for (let at = 0; at < buffer.length;) {
    const [atomic, names, count] = [0, 4, 8].map((offset) => buffer.readUInt32LE(at + offset));
    at += COMMIT_BYTES;
    const collections = Array.from({ length: names ?? 0 }, () => {
      const begin = at + 4;
      at = begin + buffer.readUInt32LE(at);
      return buffer.toString("utf8", begin, at);
    });
    const mutations = Array.from({ length: count ?? 0 }, () => {
      const mutation = unpackMutation(buffer, at);
      at = mutation.record.end;
      return mutation;
    });
    unpacked.push({ atomic: atomic === 1, collections, mutations });
  }
  return unpacked;
}

function unpackMutation(buffer: Buffer, start: number): PackedMutation {
  const ifVersion = buffer.readDoubleLE(start);
  const flags = buffer.readUInt32LE(start + 8);
  return {
    collectionIndex: buffer.readUInt32LE(start + 12),
    isPut: (flags & PUT) !== 0,
    skipEqual: (flags & SKIP_EQUAL) !== 0,
    hasId: (flags & CHOSEN_ID) !== 0,
    ifVersion: ifVersion < 0 ? undefined : ifVersion,
    ofNewest: (flags & NEWEST) !== 0,
    record: new RowRecord(buffer, start + MUTATION_BYTES),
  };
}

/** What became of a mutation, as the writing thread says it. */
export interface PackedOutcome {
  readonly type: RowOutcome["type"];
  readonly existed?: boolean;
  /** Of the row, or the actual one where another was expected. */
  readonly version: number;
  readonly id: bigint;
}

const OUTCOME_TYPES = ["written", "unchanged", "version-mismatch", "id-taken"] as const;
const OUTCOME_BYTES = 24;
/** Version of the store, number of outcomes, whether anything could be written. */
const RESULT_BYTES = 16;

export interface PackedResult {
  readonly outcomes: readonly PackedOutcome[];
  readonly version: number;
  readonly committed: boolean;
}

/** Packs what became of commits. */
export function packResults(results: readonly PackedResult[]): ArrayBuffer {
  const bytes = results.reduce((sum, { outcomes }) => sum + RESULT_BYTES + OUTCOME_BYTES * outcomes.length, 0);
  const buffer = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (const { outcomes, version, committed } of results) {
    at = buffer.writeDoubleLE(version, at);
    at = buffer.writeUInt32LE(outcomes.length, at);
    at = buffer.writeUInt32LE(committed ? 1 : 0, at);
    for (const { type, existed = false, version: rowVersion, id } of outcomes) {
      at = buffer.writeUInt32LE(OUTCOME_TYPES.indexOf(type), at);
      at = buffer.writeUInt32LE(existed ? 1 : 0, at);
      at = buffer.writeDoubleLE(rowVersion, at);
      at = buffer.writeBigInt64LE(id, at);
    }
  }
  return buffer.buffer;
}

/** The results in a buffer that {@link packResults} made. */
export function unpackResults(results: ArrayBuffer): CommitResult[] {
  const buffer = Buffer.from(results);
  const unpacked: CommitResult[] = [];
  for (let at = 0; at < buffer.length;) {
    const [begin, count] = [at + RESULT_BYTES, buffer.readUInt32LE(at + 8)];
    const outcomes = Array.from({ length: count }, (_, index) => unpackOutcome(buffer, begin + OUTCOME_BYTES * index));
    unpacked.push({ outcomes, version: buffer.readDoubleLE(at), committed: buffer.readUInt32LE(at + 12) === 1 });
    at = begin + OUTCOME_BYTES * count;
  }
  return unpacked;
}

function unpackOutcome(buffer: Buffer, at: number): RowOutcome {
  const type = OUTCOME_TYPES[buffer.readUInt32LE(at)] ?? "id-taken";
  const version = buffer.readDoubleLE(at + 8);
  const id = String(buffer.readBigInt64LE(at + 16));
  switch (type) {
    case "written":
      return { type, id, version, existed: buffer.readUInt32LE(at + 4) === 1 };
    case "unchanged":
      return { type, id, version };
    case "version-mismatch":
      return { type, actualVersion: version };
    case "id-taken":
      return { type };
  }
}
