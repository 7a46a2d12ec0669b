import type { FinishUploadRequest, FinishUploadResponse } from "@millrace/shared-types";
import { invalidField } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { askerOf } from "./asker-of.js";
import { endOf } from "./byte-spans.js";
import { completeUpload, publishedOf, recoverUpload } from "./complete-upload.js";
import type { ExpectedChecksums } from "./file-draft.js";
import { checkSize, expectedChecksums } from "./file-draft.js";
import type { Asker } from "./file-record.js";
import { toFileInfo } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import type { Published } from "./publish-file.js";
import { fenceUpload } from "./take-upload.js";
import type { UploadRecord } from "./upload-record.js";
import { committedSize, loadUpload } from "./upload-record.js";
import { checkOpen } from "./upload-sessions.js";
import { sizeMismatch } from "./upload-target.js";

/**
 * Verifies and publishes a session whose bytes are all durable. Streams that still write it are
 * ended. A session that is complete already gives the same answer again.
 */
export async function finishUpload(
  request: FinishUploadRequest,
  context: CallContext,
  deps: FilesDeps,
): Promise<FinishUploadResponse> {
  if (request.uploadId === "") throw invalidField("upload_id", "must be set");
  checkSize("total_size", request.totalSize, deps.limits.maxFileBytes);
  const expected = expectedChecksums("checksums", request.checksums);
  const asker = askerOf(context, deps);
  const { file, deduplicated } = await deps.locks.uploads.run(request.uploadId, async () => {
    context.signal.throwIfAborted();
    const upload = await recoverUpload(deps, await loadUpload(deps.records, request.uploadId, asker));
    if (upload.value.state === "complete") return publishedOf(deps, upload.value);
    checkOpen(upload.value);
    return finishOpen(deps, request, asker, expected, context.signal);
  });
  return { file: toFileInfo(file), deduplicated };
}

async function finishOpen(
  deps: FilesDeps,
  { uploadId, totalSize }: FinishUploadRequest,
  asker: Asker,
  expected: ExpectedChecksums,
  signal: AbortSignal,
): Promise<Published> {
  await using staged = await deps.blobs.stage(uploadId);
  deps.parallel.forget(uploadId);
  const upload = await fenceUpload(deps, uploadId, asker);
  const size = wholeSize(upload.value, totalSize);
  const digest = await staged.digest(size, { signal });
  return await completeUpload(deps, upload, staged, digest, [expected]); // before `staged` is let go
}

/** @throws ServiceError `UPLOAD_SIZE_MISMATCH` unless all bytes of the file are durable */
function wholeSize(upload: UploadRecord, requested: number): number {
  const committed = committedSize(upload);
  const total = upload.totalSize;
  if (total !== 0 && requested !== 0 && total !== requested) throw sizeMismatch(requested, total, committed);
  const size = total || requested || endOf(upload.spans);
  if (committed !== size || endOf(upload.spans) !== size) throw sizeMismatch(committed, size, committed);
  return size;
}
