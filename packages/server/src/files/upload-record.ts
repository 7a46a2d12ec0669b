import type { FileSpec, UploadSession } from "@millrace/shared-types";
import { durationOfMs, resourceNotFound, ServiceError, timestampOfMs, UploadState } from "@millrace/shared-types";

import type { BlobDigest } from "../ports/blob-store.js";
import type { RecordStore } from "../ports/record-store.js";

import type { ByteSpan } from "./byte-spans.js";
import { coveredFrom } from "./byte-spans.js";
import type { FileDraft } from "./file-draft.js";
import type { Asker, FileRecord } from "./file-record.js";
import { toFileInfo } from "./file-record.js";
import type { Versioned } from "../records/json-records.js";
import { getJson } from "../records/json-records.js";

/** Upload sessions in any state, by upload id, which is also the id of their staged bytes. */
export const UPLOADS = "uploads";

/** An upload session. Times are milliseconds since 1970. */
export interface UploadRecord {
  readonly uploadId: string;
  readonly owner: string;
  readonly draft: FileDraft;
  /** 0: sequential. */
  readonly partSize: number;
  /** Bytes of the whole file, once known; 0 before. */
  readonly totalSize: number;
  /** Durable bytes. In a sequential session at most one span, from 0. */
  readonly spans: readonly ByteSpan[];
  /** CRC32C of the committed bytes (sequential sessions). */
  readonly committedCrc32c: number;
  readonly state: "open" | "complete" | "aborted" | "expired";
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Verified content that is being published: whoever finds it here completes the publication. */
  readonly publishing?: BlobDigest;
  /** Once complete. */
  readonly fileId?: string;
  readonly deduplicated?: boolean;
  /** Of CreateUpload. */
  readonly idempotencyKey?: string;
}

/** Bytes durable from the start without a hole. */
export function committedSize(upload: UploadRecord): number {
  return coveredFrom(upload.spans, 0);
}

/**
 * The session of this owner, in whatever state but expired.
 *
 * @throws ServiceError `RESOURCE_NOT_FOUND`, the same whether it never was or belongs to another;
 *   `UPLOAD_EXPIRED` if its time is over
 */
export async function loadUpload(
  records: RecordStore,
  uploadId: string,
  asker: Asker,
): Promise<Versioned<UploadRecord>> {
  const upload = await getJson<UploadRecord>(records, UPLOADS, uploadId);
  if (upload === undefined || upload.value.owner !== asker.owner) throw resourceNotFound("upload", uploadId);
  const { state, expiresAt } = upload.value;
  if (state === "expired" || (state === "open" && expiresAt <= asker.nowMs)) throw uploadGone("has expired");
  return upload;
}

/** NOT_FOUND about a session whose bytes were dropped. */
export function uploadGone(how: string): ServiceError {
  return new ServiceError("UPLOAD_EXPIRED", `the upload session ${how}: its bytes are gone`);
}

/** ABORTED about a session that another stream or call took over. */
export function uploadPreempted(): ServiceError {
  return new ServiceError("UPLOAD_PREEMPTED", "another stream or call took over this upload");
}

const STATES = {
  open: UploadState.OPEN,
  complete: UploadState.COMPLETE,
  aborted: UploadState.ABORTED,
  expired: UploadState.ABORTED,
} as const satisfies Record<UploadRecord["state"], UploadState>;

/** The session as its owner sees it. `file`: what it became, if that still exists. */
export function toUploadSession(upload: UploadRecord, file: FileRecord | undefined): UploadSession {
  const size = committedSize(upload);
  const sequential = upload.partSize === 0;
  return {
    uploadId: upload.uploadId,
    spec: toFileSpec(upload),
    committedSize: size,
    committedRanges: sequential ? [] : upload.spans.map(([start, end]) => ({ start, end })),
    committedChecksums: sequential && size > 0 ? { sha256: "", crc32c: upload.committedCrc32c } : undefined,
    createTime: timestampOfMs(upload.createdAt),
    expireTime: timestampOfMs(upload.expiresAt),
    state: STATES[upload.state],
    file: file && toFileInfo(file),
    partSize: upload.partSize,
  };
}

function toFileSpec({ draft, totalSize }: UploadRecord): FileSpec {
  const { sha256, crc32c } = draft;
  return {
    filename: draft.filename,
    contentType: draft.contentType,
    metadata: new Map(draft.metadata),
    checksums: sha256 === undefined && crc32c === undefined ? undefined : { sha256: sha256 ?? "", crc32c },
    ifGenerationMatch: draft.ifGenerationMatch,
    totalSize,
    ttl: draft.ttlMs === undefined ? undefined : durationOfMs(draft.ttlMs),
  };
}
