import {
  DEFAULT_LIMITS,
  type FileChecksums,
  type FileSpec,
  invalidField,
  MAX_CONTENT_TYPE_BYTES,
  MAX_METADATA_BYTES,
  MAX_METADATA_ENTRIES,
  msOfDuration,
  ServiceError,
} from "@millrace/shared-types";

import { checkFileName } from "./file-name.js";

/** Checksums that a client expects of a whole file. */
export interface ExpectedChecksums {
  readonly sha256?: string;
  readonly crc32c?: number;
}

/** A checked FileSpec, in the form in which it is stored. */
export interface FileDraft extends ExpectedChecksums {
  /** Empty only for the file that a seed-style upload without any message makes. */
  readonly filename: string;
  readonly contentType: string;
  readonly metadata: readonly (readonly [string, string])[];
  readonly ifGenerationMatch?: number;
  /** Bytes; 0: not known. */
  readonly totalSize: number;
  readonly ttlMs?: number;
}

export const DEFAULT_CONTENT_TYPE = "application/octet-stream";

const MAX_TTL_MS = 100 * 365 * 24 * 60 * 60 * 1000;

/** What a seed-style client describes: a name and nothing else. */
export function draftOfName(filename: string): FileDraft {
  return { filename, contentType: DEFAULT_CONTENT_TYPE, metadata: [], totalSize: 0 };
}

/**
 * Checks a FileSpec.
 *
 * @throws ServiceError `INVALID_FIELD`, `UNSAFE_FILENAME` or `LIMIT_EXCEEDED` about a field of `path`
 */
export function draftOf(spec: FileSpec, path: string, limits: { readonly maxFileBytes: number }): FileDraft {
  checkFileName(`${path}.filename`, spec.filename);
  checkSize(`${path}.total_size`, spec.totalSize, limits.maxFileBytes);
  return {
    filename: spec.filename,
    contentType: contentTypeOf(`${path}.content_type`, spec.contentType),
    metadata: metadataOf(`${path}.metadata`, spec.metadata),
    totalSize: spec.totalSize,
    ...expectedChecksums(`${path}.checksums`, spec.checksums),
    ...generationMatch(`${path}.if_generation_match`, spec.ifGenerationMatch),
    ...ttlOf(`${path}.ttl`, spec.ttl),
  };
}

/** Checks the declared size of a file; 0 means that it is not known. */
export function checkSize(field: string, size: number, maxFileBytes: number = DEFAULT_LIMITS.maxFileBytes): void {
  if (size < 0) throw invalidField(field, `is ${String(size)}, must not be negative`);
  if (size > maxFileBytes) throw limitExceeded("max_file_bytes", maxFileBytes, size);
}

/** Checks a precondition on a generation. */
export function generationMatch(
  field: string,
  generation: number | undefined,
): { readonly ifGenerationMatch?: number } {
  if (generation === undefined) return {};
  if (generation < 0) throw invalidField(field, `is ${String(generation)}, must not be negative`);
  return { ifGenerationMatch: generation };
}

/** Checks the form of checksums. */
export function expectedChecksums(field: string, checksums: FileChecksums | undefined): ExpectedChecksums {
  if (checksums === undefined) return {};
  const { sha256, crc32c } = checksums;
  if (sha256 !== "" && !/^[0-9a-f]{64}$/.test(sha256)) {
    throw invalidField(`${field}.sha256`, "must be 64 lower-case hexadecimal digits");
  }
  return { ...(sha256 !== "" && { sha256 }), ...(crc32c !== undefined && { crc32c }) };
}

/** Checks a media type; empty means the default. */
export function contentTypeOf(field: string, contentType: string): string {
  if (contentType === "") return DEFAULT_CONTENT_TYPE;
  const bytes = Buffer.byteLength(contentType);
  if (bytes > MAX_CONTENT_TYPE_BYTES) throw limitExceeded("max_content_type_bytes", MAX_CONTENT_TYPE_BYTES, bytes);
  if (!/^[^\s/;]+\/[^\s/;]+(\s*;\s*\P{Cc}+)?$/u.test(contentType)) {
    throw invalidField(field, "must be a media type, such as text/plain");
  }
  return contentType;
}

/** Checks free metadata. */
export function metadataOf(field: string, metadata: ReadonlyMap<string, string>): FileDraft["metadata"] {
  const entries = [...metadata];
  if (entries.length > MAX_METADATA_ENTRIES) {
    throw limitExceeded("max_metadata_entries", MAX_METADATA_ENTRIES, entries.length);
  }
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (bytes > MAX_METADATA_BYTES) throw limitExceeded("max_metadata_bytes", MAX_METADATA_BYTES, bytes);
  if (entries.some(([key]) => key === "")) throw invalidField(field, "must not have an empty key");
  return entries;
}

/** INVALID_ARGUMENT about a static limit. */
export function limitExceeded(limit: string, max: number, actual: number): ServiceError {
  return new ServiceError("LIMIT_EXCEEDED", `${limit} is ${String(max)}, not ${String(actual)}`, {
    metadata: { limit, max, actual },
  });
}

function ttlOf(field: string, ttl: FileSpec["ttl"]): { readonly ttlMs?: number } {
  if (ttl === undefined) return {};
  let ttlMs: number;
  try {
    ttlMs = Math.ceil(msOfDuration(ttl));
  } catch (cause) {
    throw invalidField(field, cause instanceof Error ? cause.message : "is not a duration");
  }
  if (ttlMs <= 0 || ttlMs > MAX_TTL_MS) throw invalidField(field, "must be above 0 and at most 100 years");
  return { ttlMs };
}
