import { type FileChunk, UploadResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { ChunkChecks } from "./chunk-checks.js";
import { askerOf } from "./asker-of.js";
import { toFileInfo } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import type { Published } from "./publish-file.js";
import { receiveChunks, startingWith } from "./receive-chunks.js";
import { emptySeedUpload, seedUpload } from "./seed-upload.js";
import { takeUpload } from "./take-upload.js";

/**
 * Receives a file. A stream that names an `upload_id` continues that session: it publishes with
 * `finish_write`, and otherwise keeps what came (`incomplete`). One that names none is published
 * when the client half-closes, and leaves nothing behind if it is cut or cancelled before.
 */
export async function uploadFile(
  requests: AsyncIterable<FileChunk>,
  context: CallContext,
  deps: FilesDeps,
): Promise<UploadResponse> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) return publishedResponse(await emptySeedUpload(context, deps));
  const chunks = startingWith(first.value, iterator);
  if (first.value.uploadId !== "") return continueUpload(first.value.uploadId, chunks, context, deps);
  return publishedResponse(await seedUpload(first.value, chunks, context, deps));
}

async function continueUpload(
  uploadId: string,
  chunks: AsyncIterable<FileChunk>,
  context: CallContext,
  deps: FilesDeps,
): Promise<UploadResponse> {
  const taken = await takeUpload(deps, uploadId, askerOf(context, deps), () => {});
  if (taken.state === "complete") return publishedResponse({ uploadId, ...taken.published });
  await using target = taken.target;
  context.resumeFrom(() => String(target.committedSize));
  const checks = new ChunkChecks(deps.limits, { uploadId, filename: taken.filename });
  const end = await receiveChunks(chunks, { checks, total: taken.total, target });
  await target.flush();
  const published = end === "finish" ? await target.finish(checks.expected, context.signal) : undefined;
  return published === undefined
    ? incompleteResponse(uploadId, target.committedSize)
    : publishedResponse({ uploadId, ...published });
}

function publishedResponse({ uploadId, file, deduplicated }: Published & { uploadId: string }): UploadResponse {
  return UploadResponse.fromPartial({
    fileId: file.fileId,
    size: file.size,
    checksum: file.sha256,
    totalSize: file.size,
    file: toFileInfo(file),
    committedSize: file.size,
    uploadId,
    deduplicated,
  });
}

function incompleteResponse(uploadId: string, committedSize: number): UploadResponse {
  return UploadResponse.fromPartial({
    size: committedSize,
    totalSize: committedSize,
    incomplete: true,
    committedSize,
    uploadId,
  });
}
