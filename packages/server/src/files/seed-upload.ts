import type { FileChunk } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { ChunkChecks, draftOfChunk } from "./chunk-checks.js";
import { findMismatch } from "./complete-upload.js";
import type { FileDraft } from "./file-draft.js";
import { draftOfName } from "./file-draft.js";
import { checkGeneration, readName } from "./file-names.js";
import type { FilesDeps } from "./files-deps.js";
import { newId } from "../records/new-id.js";
import type { Published } from "./publish-file.js";
import { publishFile } from "./publish-file.js";
import { receiveChunks } from "./receive-chunks.js";
import { EMPTY_PREFIX, SequentialWriter } from "./sequential-writer.js";
import { offsetMismatch, TotalSize } from "./upload-target.js";

/** What a seed-style stream made. */
export interface SeedUpload extends Published {
  readonly uploadId: string;
}

/**
 * An upload that lives and dies with its stream, as the seed's client sends it: it is published when
 * the client half-closes (or says `finish_write`) after all declared bytes, and leaves nothing
 * behind if the stream ends in any other way.
 */
export async function seedUpload(
  first: FileChunk,
  chunks: AsyncIterable<FileChunk>,
  context: CallContext,
  deps: FilesDeps,
): Promise<SeedUpload> {
  const draft = draftOfChunk(first, deps.limits);
  const name = await readName(deps.records, { owner: context.principal.id, filename: draft.filename });
  checkGeneration(draft.ifGenerationMatch, name.value.current);
  return publishStream(chunks, draft, context, deps);
}

/** The file that a stream without any message makes: the seed's client sends an empty file so. */
export function emptySeedUpload(context: CallContext, deps: FilesDeps): Promise<SeedUpload> {
  return publishStream(startingWithNothing(), draftOfName(""), context, deps);
}

async function publishStream(
  chunks: AsyncIterable<FileChunk>,
  draft: FileDraft,
  context: CallContext,
  deps: FilesDeps,
): Promise<SeedUpload> {
  const uploadId = newId();
  const staged = await deps.blobs.stage(uploadId);
  try {
    const writer = new SequentialWriter(staged, EMPTY_PREFIX);
    const total = new TotalSize(draft.totalSize, deps.limits.maxFileBytes);
    const checks = new ChunkChecks(deps.limits, { uploadId: "", filename: draft.filename });
    await receiveChunks(chunks, { checks, total, target: targetOf(writer) });
    await writer.settle();
    const { size } = writer.written;
    total.checkEnd(size, size);
    const digest = await staged.digest(size, { signal: context.signal });
    const mismatch = findMismatch(digest, [draft, ...checks.expected]);
    if (mismatch !== undefined) throw mismatch;
    const publication = { owner: context.principal.id, draft, digest, staged, signal: context.signal };
    return { uploadId, ...(await publishFile(deps, publication)) };
  } finally {
    await deps.blobs.discard(uploadId);
  }
}

function targetOf(writer: SequentialWriter): Parameters<typeof receiveChunks>[1]["target"] {
  return {
    get committedSize() {
      return writer.written.size;
    },
    async write(offset, content, checkedCrc32c) {
      if (offset > writer.received.size) throw offsetMismatch(offset, writer.received.size);
      await writer.write(offset, content, checkedCrc32c);
    },
    flush: () => writer.settle(),
  };
}

async function* startingWithNothing(): AsyncGenerator<FileChunk> {}
