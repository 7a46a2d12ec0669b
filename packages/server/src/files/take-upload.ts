import { publishedOf, recoverUpload } from "./complete-upload.js";
import type { Asker } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import type { Versioned } from "../records/json-records.js";
import { putJson, untilCommitted } from "../records/json-records.js";
import { ParallelUpload } from "./parallel-upload.js";
import type { Published } from "./publish-file.js";
import { SequentialUpload } from "./sequential-upload.js";
import type { UploadRecord } from "./upload-record.js";
import { committedSize, loadUpload, UPLOADS } from "./upload-record.js";
import { checkOpen } from "./upload-sessions.js";
import type { OnCommit, UploadTarget } from "./upload-target.js";
import { TotalSize } from "./upload-target.js";

/** A session that a stream may write, or what it became already. */
export type TakenUpload =
  | { readonly state: "open"; readonly filename: string; readonly target: UploadTarget; readonly total: TotalSize }
  | { readonly state: "complete"; readonly upload: UploadRecord; readonly published: Published };

/**
 * Opens a session for a stream. A sequential session then belongs to this stream: the one that
 * wrote it before gets `UPLOAD_PREEMPTED`. `onCommit` hears whenever bytes became durable.
 *
 * @throws ServiceError `RESOURCE_NOT_FOUND`, `UPLOAD_EXPIRED`
 */
export function takeUpload(deps: FilesDeps, uploadId: string, asker: Asker, onCommit: OnCommit): Promise<TakenUpload> {
  return deps.locks.uploads.run(uploadId, async () => {
    const upload = await recoverUpload(deps, await loadUpload(deps.records, uploadId, asker));
    if (upload.value.state === "complete") {
      return { state: "complete", upload: upload.value, published: await publishedOf(deps, upload.value) };
    }
    checkOpen(upload.value);
    const { filename } = upload.value.draft;
    if (upload.value.partSize > 0) {
      return { state: "open", filename, ...(await joinParallel(deps, uploadId, asker, onCommit)) };
    }
    const total = new TotalSize(upload.value.totalSize, deps.limits.maxFileBytes);
    return { state: "open", filename, target: await openSequential(deps, uploadId, asker, { total, onCommit }), total };
  });
}

/**
 * Ends whatever wrote the session before: its file is staged anew by the caller, and its next
 * commit meets another version. Also moves the time when the session expires.
 */
export function fenceUpload(deps: FilesDeps, uploadId: string, asker: Asker): Promise<Versioned<UploadRecord>> {
  return untilCommitted(async () => {
    const { version, value } = await loadUpload(deps.records, uploadId, asker);
    checkOpen(value);
    const fenced = { ...value, expiresAt: deps.clock.now() + deps.limits.uploadTtlMs };
    await deps.records.commit([putJson(UPLOADS, uploadId, fenced, version)]);
    return { version: version + 1, value: fenced };
  });
}

async function openSequential(
  deps: FilesDeps,
  uploadId: string,
  asker: Asker,
  options: { readonly total: TotalSize; readonly onCommit: OnCommit },
): Promise<UploadTarget> {
  const staged = await deps.blobs.stage(uploadId);
  try {
    const upload = await fenceUpload(deps, uploadId, asker);
    await staged.truncate(committedSize(upload.value));
    return new SequentialUpload(deps, upload, staged, options);
  } catch (error) {
    await staged[Symbol.asyncDispose]();
    throw error;
  }
}

/** Finds or opens the session's holder and joins it in the same turn: the last stream to leave closes it. */
async function joinParallel(
  deps: FilesDeps,
  uploadId: string,
  asker: Asker,
  onCommit: OnCommit,
): Promise<{ readonly target: UploadTarget; readonly total: TotalSize }> {
  const parallel = deps.parallel.get(uploadId) ?? (await openParallel(deps, uploadId, asker));
  return { target: parallel.join(onCommit), total: parallel.total };
}

async function openParallel(deps: FilesDeps, uploadId: string, asker: Asker): Promise<ParallelUpload> {
  const staged = await deps.blobs.stage(uploadId);
  try {
    const parallel = new ParallelUpload(deps, await fenceUpload(deps, uploadId, asker), staged);
    deps.parallel.add(parallel);
    return parallel;
  } catch (error) {
    await staged[Symbol.asyncDispose]();
    throw error;
  }
}
