import { createHash } from "node:crypto";

import { MAX_PARTS, ServiceError } from "@millrace/shared-types";

import type { Mutation, RecordStore } from "../ports/record-store.js";

import { addDue } from "./due.js";
import type { FileDraft } from "./file-draft.js";
import { checkGeneration, ownerKey, readName } from "./file-names.js";
import type { FilesDeps } from "./files-deps.js";
import type { Versioned } from "../records/json-records.js";
import { getJson, putJson, untilCommitted } from "../records/json-records.js";
import { newId } from "../records/new-id.js";
import type { UploadRecord } from "./upload-record.js";
import { UPLOADS } from "./upload-record.js";
import type { KeyRecord } from "./upload-sessions.js";
import { OPEN_UPLOADS, openKey, UPLOAD_KEYS } from "./upload-sessions.js";

/** What CreateUpload is asked for. */
export interface UploadPlan {
  readonly owner: string;
  readonly draft: FileDraft;
  /** As asked for; 0: sequential. */
  readonly partSize: number;
  readonly idempotencyKey?: string;
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
