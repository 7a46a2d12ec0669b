import { ServiceError } from "@millrace/shared-types";

import type { BlobDigest, StagedBlob } from "../ports/blob-store.js";
import { VersionConflict } from "../ports/record-store.js";

import { removeReference } from "./contents.js";
import type { ExpectedChecksums } from "./file-draft.js";
import type { Asker } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import type { Versioned } from "../records/json-records.js";
import { putJson } from "../records/json-records.js";
import type { Published } from "./publish-file.js";
import { publishFile } from "./publish-file.js";
import type { UploadRecord } from "./upload-record.js";
import { loadUpload, UPLOADS } from "./upload-record.js";
import { abandonUpload, changeUpload, claimContent, endMutations, fileOfUpload } from "./upload-sessions.js";

/** A publication that has been written down does not stop half-way: the next caller would only do the rest. */
const NEVER: AbortSignal = new AbortController().signal;

/**
 * Publishes a session whose bytes, of this digest, are all staged. If they do not match what the
 * client expects or sent, or the name's generation is another, the session is aborted and its bytes
 * are dropped.
 *
 * @throws ServiceError `CHECKSUM_MISMATCH`, `CORRUPT_DATA`, `REVISION_MISMATCH`, `UPLOAD_PREEMPTED`
 */
export async function completeUpload(
  deps: FilesDeps,
  upload: Versioned<UploadRecord>,
  staged: StagedBlob,
  digest: BlobDigest,
  expected: readonly ExpectedChecksums[],
): Promise<Published> {
  const mismatch = findDamage(digest, upload.value) ?? findMismatch(digest, [upload.value.draft, ...expected]);
  if (mismatch !== undefined) {
    await abandonUnlessTaken(deps, upload);
    throw mismatch;
  }
  return publishClaimed(deps, await claimContent(deps.records, upload, digest), staged);
}

/**
 * Completes a publication that was cut off after its content had been verified. Returns the session
 * as it is then: complete, or open again if its bytes had not become a blob yet.
 */
export async function recoverUpload(
  deps: FilesDeps,
  upload: Versioned<UploadRecord>,
): Promise<Versioned<UploadRecord>> {
  const { publishing, uploadId, owner } = upload.value;
  if (publishing === undefined || upload.value.state !== "open") return upload;
  // Under the lock: whoever drops content either did so before, or will see this session's reference.
  const isThere = await deps.locks.contents.run(publishing.sha256, () => deps.blobs.has(publishing.sha256));
  if (!isThere) {
    const { publishing: _, ...open } = upload.value;
    const release = removeReference(publishing.sha256, owner, uploadId);
    return changeUpload(deps.records, { ...upload, value: open }, {}, [release]);
  }
  await publishClaimed(deps, upload, undefined);
  await deps.blobs.discard(uploadId);
  return loadUpload(deps.records, uploadId, { owner, nowMs: deps.clock.now() });
}

/** Completes a session with content that the store has already, unless it has ended meanwhile. */
export function completeKnownContent(
  deps: FilesDeps,
  { uploadId, owner }: UploadRecord,
  digest: BlobDigest,
): Promise<Versioned<UploadRecord>> {
  return deps.locks.uploads.run(uploadId, async () => {
    const asker = { owner, nowMs: deps.clock.now() };
    const upload = await recoverUpload(deps, await loadUpload(deps.records, uploadId, asker));
    if (upload.value.state !== "open") return upload;
    return recoverUpload(deps, await claimContent(deps.records, upload, digest));
  });
}

/** The file of a session that is complete by now; otherwise throws `error` again. */
export async function completedMeanwhile(
  deps: FilesDeps,
  uploadId: string,
  asker: Asker,
  error: unknown,
): Promise<Published> {
  if (!(error instanceof ServiceError) || error.reason !== "UPLOAD_PREEMPTED") throw error;
  const { value } = await loadUpload(deps.records, uploadId, asker);
  if (value.state !== "complete") throw error;
  return publishedOf(deps, value);
}

/** What a complete session became. */
export async function publishedOf(deps: FilesDeps, upload: UploadRecord): Promise<Published> {
  return { file: await fileOfUpload(deps.records, upload), deduplicated: upload.deduplicated ?? false };
}

/** The staged bytes must still be those that came in, over all streams and restarts since. */
function findDamage(digest: BlobDigest, { partSize, committedCrc32c }: UploadRecord): ServiceError | undefined {
  if (partSize > 0 || digest.crc32c === committedCrc32c) return undefined;
  return new ServiceError("CORRUPT_DATA", "the staged bytes of this upload are damaged", { metadata: { offset: 0 } });
}

/** The first checksum that does not match, as the error that says so. */
export function findMismatch(digest: BlobDigest, expected: readonly ExpectedChecksums[]): ServiceError | undefined {
  for (const { sha256, crc32c } of expected) {
    if (sha256 !== undefined && sha256 !== digest.sha256) return fileMismatch("SHA-256", sha256, digest.sha256);
    if (crc32c !== undefined && crc32c !== digest.crc32c) return fileMismatch("CRC32C", crc32c, digest.crc32c);
  }
  return undefined;
}

function fileMismatch(kind: string, expected: string | number, actual: string | number): ServiceError {
  const metadata = { scope: "file", offset: 0, expected, actual };
  const message = `the ${kind} of the file is ${String(actual)}, not ${String(expected)}`;
  return new ServiceError("CHECKSUM_MISMATCH", message, { metadata });
}

async function publishClaimed(
  deps: FilesDeps,
  claimed: Versioned<UploadRecord>,
  staged: StagedBlob | undefined,
): Promise<Published> {
  const { publishing, ...rest } = claimed.value;
  if (publishing === undefined) throw new Error("only content that was claimed can be published");
  const expiresAt = deps.clock.now() + deps.limits.uploadTtlMs;
  const { owner, draft } = rest;
  try {
    return await publishFile(deps, {
      owner,
      draft,
      digest: publishing,
      staged,
      signal: NEVER,
      alongside: ({ fileId }, deduplicated) => [
        putJson(
          UPLOADS,
          rest.uploadId,
          { ...rest, state: "complete", fileId, deduplicated, expiresAt },
          claimed.version,
        ),
        ...endMutations(claimed.value, expiresAt),
      ],
    });
  } catch (error) {
    if (error instanceof ServiceError && error.reason === "REVISION_MISMATCH") {
      await abandonUnlessTaken(deps, claimed);
    }
    throw error;
  }
}

/** Who took the session meanwhile decides about it. */
async function abandonUnlessTaken(deps: FilesDeps, upload: Versioned<UploadRecord>): Promise<void> {
  try {
    await abandonUpload(deps, upload, "aborted");
  } catch (error) {
    if (!(error instanceof VersionConflict)) throw error;
  }
}
