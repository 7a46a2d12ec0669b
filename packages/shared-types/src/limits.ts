const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** What a server accepts. What a running server really allows is in `InfoService.GetServerInfo`. */
export interface Limits {
  /** A gRPC message, in bytes. A larger one is RESOURCE_EXHAUSTED. */
  readonly maxMessageBytes: number;
  /** `FileChunk.content` in an upload, in bytes. A larger one is LIMIT_EXCEEDED. */
  readonly maxChunkBytes: number;
  /** A file, in bytes. A larger one is LIMIT_EXCEEDED as soon as its size is known. */
  readonly maxFileBytes: number;
  /** Life of an upload session to which nothing is written, in milliseconds. */
  readonly uploadTtlMs: number;
  /** Smallest part of a parallel upload, in bytes: what a client asks for is rounded up to it. */
  readonly minPartBytes: number;
}

/** What a server accepts unless it is configured otherwise. */
export const DEFAULT_LIMITS: Limits = {
  maxMessageBytes: 4 * MIB,
  maxChunkBytes: 1 * MIB,
  maxFileBytes: 16 * GIB,
  uploadTtlMs: 24 * 60 * 60 * 1000,
  minPartBytes: 1 * MIB,
};

/** The chunk size that suits most networks, of downloads and of the SDK's uploads, in bytes. */
export const DEFAULT_CHUNK_BYTES: number = 64 * KIB;

/** The smallest chunk size that a download can ask for, in bytes: what is lower is raised to it. */
export const MIN_CHUNK_BYTES: number = 4 * KIB;

/** An upload becomes durable at least each time that this many bytes have come in … */
export const COMMIT_INTERVAL_BYTES: number = 4 * MIB;

/** … and at least this often while bytes come in, in milliseconds. */
export const COMMIT_INTERVAL_MS = 1000;

/** Entries of a page when the request does not say. */
export const DEFAULT_PAGE_SIZE = 100;

/** Most entries of a page: a larger request is clamped. */
export const MAX_PAGE_SIZE = 1000;

/** A file name, in bytes of UTF-8. */
export const MAX_FILENAME_BYTES: number = 1 * KIB;

/** A media type, in bytes of UTF-8. */
export const MAX_CONTENT_TYPE_BYTES = 255;

/** Free metadata of a file: entries. */
export const MAX_METADATA_ENTRIES = 64;

/** Free metadata of a file: bytes of UTF-8 of all keys and values. */
export const MAX_METADATA_BYTES: number = 8 * KIB;

/** An idempotency key, in bytes of UTF-8. */
export const MAX_IDEMPOTENCY_KEY_BYTES = 255;

/** Parts of a parallel upload (what S3 allows). */
export const MAX_PARTS = 10_000;

/** Elements of one message over all its maps and repeated fields: more is MALFORMED_MESSAGE. */
export const MAX_MESSAGE_ELEMENTS = 100_000;

/** Messages inside of messages: deeper is MALFORMED_MESSAGE. */
export const MAX_MESSAGE_DEPTH = 100;
