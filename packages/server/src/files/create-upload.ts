import type { CreateUploadRequest, CreateUploadResponse } from "@millrace/shared-types";
import { invalidField, MAX_IDEMPOTENCY_KEY_BYTES } from "@millrace/shared-types";

import type { BlobDigest } from "../ports/blob-store.js";
import type { CallContext } from "../rpc/call-context.js";

import { completeKnownContent } from "./complete-upload.js";
import { referencesOf } from "./contents.js";
import { draftOf, limitExceeded } from "./file-draft.js";
import type { FileRecord } from "./file-record.js";
import { FILES } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import { getJson } from "../records/json-records.js";
import type { UploadPlan } from "./open-upload.js";
import { openUpload } from "./open-upload.js";
import { toUploadSession } from "./upload-record.js";
import { findFileOfUpload } from "./upload-sessions.js";

/** Files of the caller that are looked at for content that is known: one is enough, but it may just be going. */
const CANDIDATES = 10;

/**
 * Opens an upload session. It comes back complete, without any bytes sent, if the caller has a file
 * with the same SHA-256 already.
 */
export async function createUpload(
  request: CreateUploadRequest,
  context: CallContext,
  deps: FilesDeps,
): Promise<CreateUploadResponse> {
  const plan = planOf(request, context, deps);
  let upload = await openUpload(deps, plan);
  const known = upload.value.state === "open" ? await knownContent(deps, plan) : undefined;
  if (known !== undefined) upload = await completeKnownContent(deps, upload.value, known);
  return { upload: toUploadSession(upload.value, await findFileOfUpload(deps.records, upload.value)) };
}

function planOf(request: CreateUploadRequest, { principal }: CallContext, { limits }: FilesDeps): UploadPlan {
  const { spec, partSize, idempotencyKey } = request;
  if (spec === undefined) throw invalidField("spec", "must be set");
  if (partSize < 0) throw invalidField("part_size", `is ${String(partSize)}, must not be negative`);
  if (partSize > limits.maxFileBytes) throw limitExceeded("max_file_bytes", limits.maxFileBytes, partSize);
  const keyBytes = Buffer.byteLength(idempotencyKey);
  if (keyBytes > MAX_IDEMPOTENCY_KEY_BYTES) {
    throw limitExceeded("max_idempotency_key_bytes", MAX_IDEMPOTENCY_KEY_BYTES, keyBytes);
  }
  const draft = draftOf(spec, "spec", limits);
  return { owner: principal.id, draft, partSize, ...(idempotencyKey !== "" && { idempotencyKey }) };
}

/** Content that this caller may read, and that is what the plan says. Others' content is not told of. */
async function knownContent({ records }: FilesDeps, { owner, draft }: UploadPlan): Promise<BlobDigest | undefined> {
  const { sha256, crc32c, totalSize } = draft;
  if (sha256 === undefined) return undefined;
  for (const fileId of await referencesOf(records, sha256, owner, CANDIDATES)) {
    const file = (await getJson<FileRecord>(records, FILES, fileId))?.value;
    if (file === undefined) continue; // an upload's reference, or a file that is being deleted
    const asPlanned = (totalSize === 0 || totalSize === file.size) && (crc32c === undefined || crc32c === file.crc32c);
    return asPlanned ? { size: file.size, sha256, crc32c: file.crc32c } : undefined;
  }
  return undefined;
}
