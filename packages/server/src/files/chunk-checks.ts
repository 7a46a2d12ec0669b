import type { FileChunk } from "@millrace/shared-types";
import { crc32c, invalidField, protocolViolation, ServiceError } from "@millrace/shared-types";

import type { ExpectedChecksums, FileDraft } from "./file-draft.js";
import { checkSize, draftOf, draftOfName, expectedChecksums, limitExceeded } from "./file-draft.js";
import { checkFileName } from "./file-name.js";
import type { FilesLimits } from "./files-deps.js";

/** What the first message of a stream without upload_id says about the file to make. */
export function draftOfChunk(first: FileChunk, limits: FilesLimits): FileDraft {
  if (first.spec === undefined) {
    checkFileName("filename", first.filename);
    return draftOfName(first.filename);
  }
  if (first.filename !== "" && first.filename !== first.spec.filename) {
    throw invalidField("filename", "differs from spec.filename");
  }
  return draftOf(first.spec, "spec", limits);
}

/** Checks the messages of one upload stream, each by itself and against the first. */
export class ChunkChecks {
  readonly #limits: FilesLimits;
  readonly #uploadId: string;
  readonly #filename: string;
  readonly #expected: ExpectedChecksums[] = [];
  #isFirst = true;

  /** `uploadId` and `filename` are those of the upload; messages may repeat them. */
  constructor(limits: FilesLimits, upload: { readonly uploadId: string; readonly filename: string }) {
    this.#limits = limits;
    this.#uploadId = upload.uploadId;
    this.#filename = upload.filename;
  }

  /** Checksums of the whole file that came so far. */
  get expected(): readonly ExpectedChecksums[] {
    return this.#expected;
  }

  /** @throws ServiceError `INVALID_FIELD`, `LIMIT_EXCEEDED`, `PROTOCOL_VIOLATION`, `CHECKSUM_MISMATCH` */
  check(chunk: FileChunk): void {
    if (chunk.offset < 0) throw invalidField("offset", `is ${String(chunk.offset)}, must not be negative`);
    if (!Number.isSafeInteger(chunk.offset + chunk.content.length)) throw invalidField("offset", "is too large");
    checkSize("total_size", chunk.totalSize, this.#limits.maxFileBytes);
    this.#checkIdentity(chunk);
    const { length } = chunk.content;
    const { maxChunkBytes } = this.#limits;
    if (length > maxChunkBytes) throw limitExceeded("max_chunk_bytes", maxChunkBytes, length);
    if (chunk.checksums !== undefined) this.#expected.push(expectedChecksums("checksums", chunk.checksums));
    checkContent(chunk);
    this.#isFirst = false;
  }

  #checkIdentity({ uploadId, filename, spec }: FileChunk): void {
    if (uploadId !== "" && uploadId !== this.#uploadId)
      throw invalidField("upload_id", "differs from the first message's");
    if (filename !== "" && filename !== this.#filename) throw invalidField("filename", "differs from the upload's");
    if (spec === undefined) return;
    if (!this.#isFirst) throw protocolViolation("spec only in the first message");
    if (uploadId !== "") throw protocolViolation("spec only without upload_id");
  }
}

function checkContent({ content, crc32c: expected, offset }: FileChunk): void {
  if (expected === undefined) return;
  const actual = crc32c(content);
  if (actual === expected) return;
  throw new ServiceError("CHECKSUM_MISMATCH", `the CRC32C of the chunk is ${String(actual)}, not ${String(expected)}`, {
    metadata: { scope: "chunk", offset, expected, actual },
  });
}
