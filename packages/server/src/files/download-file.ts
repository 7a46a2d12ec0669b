import type { DownloadRequest, FileChunk } from "@millrace/shared-types";
import {
  crc32c,
  DEFAULT_CHUNK_BYTES,
  invalidField,
  MIN_CHUNK_BYTES,
  ServiceError,
  StatusCode,
} from "@millrace/shared-types";

import type { BlobRange } from "../ports/blob-store.js";
import type { CallContext } from "../rpc/call-context.js";
import { StatusError } from "../rpc/status-error.js";

import { askerOf } from "./asker-of.js";
import { generationMatch } from "./file-draft.js";
import { checkGeneration } from "./file-names.js";
import type { FileRecord } from "./file-record.js";
import { loadFile, toFileInfo } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";

/**
 * Streams a range of a file in order, without gaps. A file never changes its content, so ranges and
 * resumed downloads of one `file_id` always fit together. An empty range is one empty chunk.
 */
export async function* downloadFile(
  request: DownloadRequest,
  context: CallContext,
  deps: FilesDeps,
): AsyncGenerator<FileChunk, void, undefined> {
  checkRequest(request);
  const { value: file } = await loadFile(deps.records, request.fileId, askerOf(context, deps));
  checkGeneration(request.ifGenerationMatch, file.generation);
  const range = rangeOf(request, file);
  let offset = range.start;
  context.resumeFrom(() => String(offset));
  const chunkOf = (content: Uint8Array): FileChunk =>
    toChunk(file, content, offset, request, request.includeInfo && offset === range.start);
  for await (const content of readContent(file, range, request, context, deps)) {
    yield chunkOf(content);
    offset += content.length;
  }
  if (range.start === range.end) yield chunkOf(new Uint8Array());
}

function checkRequest(request: DownloadRequest): void {
  const { fileId, startOffset, readLimit, chunkSize } = request;
  if (fileId === "") throw invalidField("file_id", "must be set");
  if (startOffset < 0) throw invalidField("start_offset", `is ${String(startOffset)}, must not be negative`);
  if (readLimit < 0) throw invalidField("read_limit", `is ${String(readLimit)}, must not be negative`);
  if (chunkSize < 0) throw invalidField("chunk_size", `is ${String(chunkSize)}, must not be negative`);
  generationMatch("if_generation_match", request.ifGenerationMatch);
}

function rangeOf({ startOffset, readLimit }: DownloadRequest, { size }: FileRecord): BlobRange {
  if (startOffset > size) {
    throw new StatusError(
      StatusCode.OUT_OF_RANGE,
      `start_offset is ${String(startOffset)}, the file has ${String(size)} bytes`,
    );
  }
  const end = readLimit === 0 ? size : Math.min(size, startOffset + readLimit);
  return { start: startOffset, end };
}

async function* readContent(
  file: FileRecord,
  range: BlobRange,
  { chunkSize }: DownloadRequest,
  context: CallContext,
  deps: FilesDeps,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (range.start === range.end) return;
  const { maxChunkBytes } = deps.limits;
  const chunkBytes = Math.min(maxChunkBytes, Math.max(MIN_CHUNK_BYTES, chunkSize || DEFAULT_CHUNK_BYTES));
  try {
    yield* deps.blobs.read(file.sha256, range, { chunkBytes, signal: context.signal });
  } catch (error) {
    throw await explain(error, file, context, deps);
  }
}

/** Content that is missing: either the file was deleted just now, or the store lost it. */
async function explain(error: unknown, file: FileRecord, context: CallContext, deps: FilesDeps): Promise<unknown> {
  if (!(error instanceof ServiceError) || error.reason !== "RESOURCE_NOT_FOUND") return error;
  await loadFile(deps.records, file.fileId, askerOf(context, deps));
  return new ServiceError("CORRUPT_DATA", "the content of this file is missing", { metadata: { offset: 0 } });
}

function toChunk(
  file: FileRecord,
  content: Uint8Array,
  offset: number,
  { chunkChecksums }: DownloadRequest,
  withInfo: boolean,
): FileChunk {
  const info = withInfo ? toFileInfo(file) : undefined;
  return {
    content,
    offset,
    totalSize: file.size,
    filename: file.filename,
    crc32c: chunkChecksums ? crc32c(content) : undefined,
    uploadId: "",
    finishWrite: false,
    spec: undefined,
    checksums: info?.checksums,
    info,
    flush: false,
    queryStatus: false,
  };
}
