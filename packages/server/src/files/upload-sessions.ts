import { resourceNotFound } from "@millrace/shared-types";

import type { Mutation, RecordStore } from "../ports/record-store.js";
import { VersionConflict } from "../ports/record-store.js";

import { addReference, dropUnreferenced, removeReference } from "./contents.js";
import { addDue } from "./due.js";
import { ownerKey } from "./file-names.js";
import type { FileRecord } from "./file-record.js";
import { FILES } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import type { Versioned } from "../records/json-records.js";
import { getJson, putJson, removeRecord } from "../records/json-records.js";
import type { UploadRecord } from "./upload-record.js";
import { UPLOADS, uploadGone, uploadPreempted } from "./upload-record.js";

/** Open sessions of each owner: `"owner"/upload id`. */
export const OPEN_UPLOADS = "openuploads";
/** What an idempotency key stands for: `"owner"/key`. */
export const UPLOAD_KEYS = "uploadkeys";

/** The session of a key, and what it was asked for. */
export interface KeyRecord {
  readonly uploadId: string;
  readonly fingerprint: string;
}

/**
 * Changes a session, if nobody else did since `before` was read.
 *
 * @throws ServiceError `UPLOAD_PREEMPTED` if somebody did
 */
export async function changeUpload(
  records: RecordStore,
  before: Versioned<UploadRecord>,
  change: Partial<UploadRecord>,
  more: readonly Mutation[] = [],
): Promise<Versioned<UploadRecord>> {
  const value = { ...before.value, ...change };
  await commitOwned(records, [putJson(UPLOADS, value.uploadId, value, before.version), ...more]);
  return { version: before.version + 1, value };
}

/**
 * Commits mutations of which one is that of a session that the caller holds.
 *
 * @throws ServiceError `UPLOAD_PREEMPTED` if the session was changed by another
 */
export async function commitOwned(records: RecordStore, mutations: readonly Mutation[]): Promise<void> {
  try {
    await records.commit(mutations);
  } catch (error) {
    const preempted = error instanceof VersionConflict && error.mutation.collection === UPLOADS;
    throw preempted ? uploadPreempted() : error;
  }
}

/** Mutations beside the record's own that go with the end of a session: it is remembered for a while. */
export function endMutations(upload: UploadRecord, forgetAt: number): Mutation[] {
  const mutations = [removeRecord(OPEN_UPLOADS, openKey(upload)), addDue(forgetAt, "upload", upload.uploadId)];
  if (upload.publishing !== undefined) {
    mutations.push(removeReference(upload.publishing.sha256, upload.owner, upload.uploadId));
  }
  return mutations;
}

/** Ends a session without a file and drops its bytes. */
export async function abandonUpload(
  deps: FilesDeps,
  before: Versioned<UploadRecord>,
  state: "aborted" | "expired",
): Promise<void> {
  const { uploadId } = before.value;
  const expiresAt = deps.clock.now() + deps.limits.uploadTtlMs;
  const { publishing: _, ...rest } = before.value;
  const ended = { ...rest, state, expiresAt };
  await deps.records.commit([
    putJson(UPLOADS, uploadId, ended, before.version),
    ...endMutations(before.value, expiresAt),
  ]);
  deps.parallel.forget(uploadId);
  await deps.blobs.discard(uploadId);
  if (before.value.publishing !== undefined) await dropUnreferenced(deps, before.value.publishing.sha256);
}

/** Forgets a session that ended long enough ago, and its key unless that stands for another one by now. */
export async function forgetUpload(
  records: RecordStore,
  { version, value }: Versioned<UploadRecord>,
): Promise<Mutation[]> {
  const { uploadId, owner, idempotencyKey } = value;
  const mutations = [removeRecord(UPLOADS, uploadId, version)];
  if (idempotencyKey === undefined) return mutations;
  const key = `${ownerKey(owner)}/${idempotencyKey}`;
  const known = await getJson<KeyRecord>(records, UPLOAD_KEYS, key);
  if (known?.value.uploadId === uploadId) mutations.push(removeRecord(UPLOAD_KEYS, key, known.version));
  return mutations;
}

/** Writes down what is about to be published, so that it is completed even after a crash in between. */
export function claimContent(
  records: RecordStore,
  before: Versioned<UploadRecord>,
  publishing: NonNullable<UploadRecord["publishing"]>,
): Promise<Versioned<UploadRecord>> {
  const { owner, uploadId } = before.value;
  return changeUpload(records, before, { publishing }, [addReference(publishing.sha256, owner, uploadId)]);
}

/** @throws ServiceError `UPLOAD_EXPIRED` unless bytes can be written */
export function checkOpen({ state }: UploadRecord): void {
  if (state !== "open")
    throw uploadGone(state === "aborted" ? "was cancelled or did not match its checksums" : "ended");
}

/** The file that a complete session became. */
export async function fileOfUpload(records: RecordStore, upload: UploadRecord): Promise<FileRecord> {
  const file = await findFileOfUpload(records, upload);
  if (file === undefined) throw resourceNotFound("file", upload.fileId ?? "");
  return file;
}

/** As {@link fileOfUpload}; `undefined` if there is none (yet, or any more). */
export async function findFileOfUpload(
  records: RecordStore,
  { fileId }: UploadRecord,
): Promise<FileRecord | undefined> {
  return fileId === undefined ? undefined : (await getJson<FileRecord>(records, FILES, fileId))?.value;
}

/** Key of a session in OPEN_UPLOADS. */
export function openKey({ owner, uploadId }: UploadRecord): string {
  return `${ownerKey(owner)}/${uploadId}`;
}
