import type { BlobStore } from "../ports/blob-store.js";
import type { Clock } from "../ports/clock.js";
import type { RecordStore } from "../ports/record-store.js";
import type { Logger } from "../rpc/logger.js";

import type { KeyedLock } from "../records/keyed-lock.js";
import type { PageTokens } from "../records/page-tokens.js";
import type { ParallelUploads } from "./parallel-uploads.js";

/** What the files domain accepts. */
export interface FilesLimits {
  /** `FileChunk.content` of an upload, in bytes. */
  readonly maxChunkBytes: number;
  /** A file, in bytes. */
  readonly maxFileBytes: number;
  /** Life of an upload session to which nothing is written, in milliseconds. */
  readonly uploadTtlMs: number;
  /** Smallest part of a parallel session, in bytes. */
  readonly minPartBytes: number;
}

/** What every operation on files works with. Made by `openFiles`. */
export interface FilesDeps {
  readonly blobs: BlobStore;
  readonly records: RecordStore;
  readonly clock: Clock;
  readonly limits: FilesLimits;
  readonly log: Logger;
  readonly pageTokens: PageTokens;
  /** Parallel sessions that streams of this process are writing. */
  readonly parallel: ParallelUploads;
  readonly locks: {
    /** By upload id: opening and finishing a session. */
    readonly uploads: KeyedLock;
    /** By SHA-256: see contents.ts. */
    readonly contents: KeyedLock;
    /** By name: spares racing publishers most of their conflicts. */
    readonly names: KeyedLock;
  };
}
