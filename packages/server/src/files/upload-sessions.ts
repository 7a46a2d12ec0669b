import { createHash } from "node:crypto";

import { MAX_PARTS, resourceNotFound, ServiceError } from "@millrace/shared-types";

import type { Mutation, RecordStore } from "../ports/record-store.js";
import { VersionConflict } from "../ports/record-store.js";

import { addReference, dropUnreferenced, removeReference } from "./contents.js";
import { addDue } from "./due.js";
import type { FileDraft } from "./file-draft.js";
import { limitExceeded } from "./file-draft.js";
import { checkGeneration, ownerKey, readName } from "./file-names.js";
import type { FileRecord } from "./file-record.js";
import { FILES } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import type { Versioned } from "./json-records.js";
import { getJson, putJson, removeRecord, untilCommitted } from "./json-records.js";
import { newId } from "./new-id.js";
import type { UploadRecord } from "./upload-record.js";
import { UPLOADS, uploadGone, uploadPreempted } from "./upload-record.js";

/** Open sessions of each owner: `"owner"/upload id`. */
export const OPEN_UPLOADS = "openuploads";
/** What an idempotency key stands for: `"owner"/key`. */
const UPLOAD_KEYS = "uploadkeys";

/** What CreateUpload is asked for. */
export interface UploadPlan {
  readonly owner: string;
  readonly draft: FileDraft;
  /** As asked for; 0: sequential. */
  readonly partSize: number;
  readonly idempotencyKey?: string;
}

interface KeyRecord {
  readonly uploadId: string;
  readonly fingerprint: string;
}

/**
 * Opens a session, or returns the one that was opened with the same idempotency key.
 *
 * @throws ServiceError `REVISION_MISMATCH` if the precondition does not hold already now,
 *   `IDEMPOTENCY_CONFLICT` if the key came with another plan before, `LIMIT_EXCEEDED` for too many parts
 */
export function openUpload(deps: FilesDeps, plan: UploadPlan): Promise<Versioned<UploadRecord>> {
  return untilCommitted(async () => {
    const key = plan.idempotencyKey === undefined ? undefined : `${ownerKey(plan.owner)}/${plan.idempotencyKey}`;
    const known = key === undefined ? undefined : await getJson<KeyRecord>(deps.records, UPLOAD_KEYS, key);
    const earlier = known && (await uploadOfKey(deps, plan, known.value));
    if (earlier !== undefined) return earlier;
    await checkNameNow(deps.records, plan);
    const upload = newUpload(deps, plan);
    const keyed = key === undefined ? [] : [putJson(UPLOAD_KEYS, key, keyRecordOf(upload, plan), known?.version ?? 0)];
    await deps.records.commit([...openMutations(upload), ...keyed]);
    return { version: 1, value: upload };
  });
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

function newUpload({ clock, limits }: FilesDeps, plan: UploadPlan): UploadRecord {
  const nowMs = clock.now();
  return {
    uploadId: newId(),
    owner: plan.owner,
    draft: plan.draft,
    partSize: partSizeOf(plan, limits.minPartBytes),
    totalSize: plan.draft.totalSize,
    spans: [],
    committedCrc32c: 0,
    state: "open",
    createdAt: nowMs,
    expiresAt: nowMs + limits.uploadTtlMs,
    ...(plan.idempotencyKey !== undefined && { idempotencyKey: plan.idempotencyKey }),
  };
}

function openMutations(upload: UploadRecord): Mutation[] {
  return [
    putJson(UPLOADS, upload.uploadId, upload, 0),
    { collection: OPEN_UPLOADS, key: openKey(upload), value: "" },
    addDue(upload.expiresAt, "upload", upload.uploadId),
  ];
}

function openKey({ owner, uploadId }: UploadRecord): string {
  return `${ownerKey(owner)}/${uploadId}`;
}

/** A session that is over frees its key for a new one. */
async function uploadOfKey(
  { records, clock }: FilesDeps,
  plan: UploadPlan,
  known: KeyRecord,
): Promise<Versioned<UploadRecord> | undefined> {
  const upload = await getJson<UploadRecord>(records, UPLOADS, known.uploadId);
  const over = upload === undefined || (upload.value.state !== "complete" && upload.value.expiresAt <= clock.now());
  if (over || upload.value.state === "expired") return undefined;
  if (known.fingerprint !== fingerprintOf(plan)) {
    throw new ServiceError("IDEMPOTENCY_CONFLICT", "this idempotency key came with another request before");
  }
  return upload;
}

async function checkNameNow(records: RecordStore, { owner, draft }: UploadPlan): Promise<void> {
  if (draft.ifGenerationMatch === undefined) return;
  const name = await readName(records, { owner, filename: draft.filename });
  checkGeneration(draft.ifGenerationMatch, name.value.current);
}

function keyRecordOf({ uploadId }: UploadRecord, plan: UploadPlan): KeyRecord {
  return { uploadId, fingerprint: fingerprintOf(plan) };
}

/** Equal for requests that ask for the same. */
function fingerprintOf({ draft, partSize }: UploadPlan): string {
  const { metadata, ...rest } = draft;
  const fields = [Object.entries(rest).sort(byKey), [...metadata].sort(byKey), partSize];
  return createHash("sha256").update(JSON.stringify(fields)).digest("base64url");
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** Rounded up to the smallest part, and so that a file of known size has at most MAX_PARTS. */
function partSizeOf({ partSize, draft }: UploadPlan, minPartBytes: number): number {
  if (partSize === 0) return 0;
  return Math.max(partSize, minPartBytes, Math.ceil(draft.totalSize / MAX_PARTS));
}

/** @throws ServiceError `LIMIT_EXCEEDED` if a part number is too high */
export function checkPartNumber(index: number): void {
  if (index >= MAX_PARTS) throw limitExceeded("max_parts", MAX_PARTS, index + 1);
}
